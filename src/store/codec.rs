//! How domain values look in Postgres, so that the domain need not know sqlx.

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueRef};
use sqlx::types::Json;
use sqlx::{Decode, Encode, Postgres, Type};
use uuid::Uuid;

use crate::domain::custom_fields::{CustomFields, FieldType};
use crate::domain::id::{
    AccountId, AlertId, ApiKeyId, AuditEntryId, ContactId, ContactListId, ContactPropertyId,
    DeliveryId, DomainId, ErasureId, EventId, MailId, OneTimeLinkId, ProjectId, SenderId,
    SessionId, SuppressionGroupId, SuppressionId, UserId, WebhookDeliveryId, WebhookId,
};
use crate::domain::mail_details::MailDetails;
use crate::domain::suppression::GroupCode;
use crate::domain::template::TemplateId;

/// Stores identifiers as `uuid`.
macro_rules! stored_as_uuid {
    ($($name:ty),+) => {
        $(
            impl Type<Postgres> for $name {
                fn type_info() -> PgTypeInfo {
                    <Uuid as Type<Postgres>>::type_info()
                }
            }

            impl PgHasArrayType for $name {
                fn array_type_info() -> PgTypeInfo {
                    <Uuid as PgHasArrayType>::array_type_info()
                }
            }

            impl Encode<'_, Postgres> for $name {
                fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
                    <Uuid as Encode<Postgres>>::encode_by_ref(&self.as_uuid(), buffer)
                }
            }

            impl<'r> Decode<'r, Postgres> for $name {
                fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
                    <Uuid as Decode<Postgres>>::decode(value).map(Self::from)
                }
            }
        )+
    };
}

stored_as_uuid!(
    AccountId,
    AlertId,
    ApiKeyId,
    AuditEntryId,
    ContactId,
    ContactListId,
    ContactPropertyId,
    DeliveryId,
    DomainId,
    ErasureId,
    EventId,
    MailId,
    OneTimeLinkId,
    ProjectId,
    SenderId,
    SessionId,
    SuppressionGroupId,
    SuppressionId,
    TemplateId,
    UserId,
    WebhookDeliveryId,
    WebhookId
);

/// Stored as `jsonb`.
impl Type<Postgres> for MailDetails {
    fn type_info() -> PgTypeInfo {
        <Json<Self> as Type<Postgres>>::type_info()
    }
}

impl<'r> Decode<'r, Postgres> for MailDetails {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        <Json<Self> as Decode<Postgres>>::decode(value).map(|Json(details)| details)
    }
}

/// Stored as `text`.
impl Type<Postgres> for GroupCode {
    fn type_info() -> PgTypeInfo {
        <String as Type<Postgres>>::type_info()
    }
}

impl<'r> Decode<'r, Postgres> for GroupCode {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        Ok(<String as Decode<Postgres>>::decode(value)?.parse()?)
    }
}

/// Stored as `jsonb`.
impl Type<Postgres> for CustomFields {
    fn type_info() -> PgTypeInfo {
        <Json<Self> as Type<Postgres>>::type_info()
    }
}

impl<'r> Decode<'r, Postgres> for CustomFields {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        <Json<Self> as Decode<Postgres>>::decode(value).map(|Json(fields)| fields)
    }
}

/// Stored by its published name.
impl Type<Postgres> for FieldType {
    fn type_info() -> PgTypeInfo {
        <str as Type<Postgres>>::type_info()
    }

    fn compatible(other: &PgTypeInfo) -> bool {
        <str as Type<Postgres>>::compatible(other)
    }
}

impl<'r> Decode<'r, Postgres> for FieldType {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        Ok(<&str as Decode<Postgres>>::decode(value)?.parse()?)
    }
}
