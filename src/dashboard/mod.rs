//! Serves the pages for people out of the binary: the files of the folder `dashboard/`, as they stand there.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use include_dir::{Dir, include_dir};
use sha2::{Digest, Sha256};

static FOLDER: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/dashboard");

/// The page that all others are drawn in.
const INDEX: &str = "index.html";

/// The empty page that a page of ours fills with the HTML of a template, to show what it looks like.
const FRAME: &str = "frame.html";

/// The same, for those who want to see pictures from elsewhere.
const PICTURE_FRAME: &str = "frame-with-pictures.html";

/// Scripts and styles come from us alone and never stand inside a page, so that text of strangers that got into one
/// would still run nothing. A mail's HTML is shown in a frame, which its own answer puts into a sandbox.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; frame-src 'self'; form-action 'none'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// HTML of strangers is put into this page, which can do nothing but be looked at: no script runs in it, whoever wrote it,
/// and nothing is loaded. It has styles of its own, as mails do, and is of our origin, because our page writes into it.
const FRAME_POLICY: &str = "sandbox allow-same-origin; default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
                            form-action 'none'; base-uri 'none'; frame-ancestors 'self'";

/// Who wrote the HTML learns from a picture that somebody looked, so this is nothing but what a person asked for.
const PICTURE_FRAME_POLICY: &str = "sandbox allow-same-origin; default-src 'none'; style-src 'unsafe-inline'; \
                                    img-src data: http: https:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'";

/// What every answer carries. A browser asks each time whether its copy is still the one of this binary.
const HEADERS: [(HeaderName, &str); 5] = [
    (CACHE_CONTROL, "no-cache"),
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Pages that have another policy than all others.
const FRAMES: [(&str, &str); 2] = [(FRAME, FRAME_POLICY), (PICTURE_FRAME, PICTURE_FRAME_POLICY)];

/// A file, ready to be sent.
struct File {
    content: &'static [u8],
    media_type: &'static str,
    /// A strong validator (RFC 9110, section 8.8.3): the digest of the content.
    tag: HeaderValue,
}

/// By their paths below `/dashboard`.
static FILES: LazyLock<BTreeMap<String, File>> = LazyLock::new(|| {
    let mut files = BTreeMap::new();
    gather(&FOLDER, &mut files);
    files
});

fn gather(folder: &Dir<'static>, files: &mut BTreeMap<String, File>) {
    for file in folder.files() {
        let path = file.path().to_string_lossy().replace('\\', "/");
        let tag = URL_SAFE_NO_PAD.encode(Sha256::digest(file.contents()));
        let tag = HeaderValue::from_maybe_shared(Bytes::from(format!("\"{tag}\"")))
            .expect("base64 can stand in a header");
        let media_type = media_type(&path);
        files.insert(path, File { content: file.contents(), media_type, tag });
    }
    for folder in folder.dirs() {
        gather(folder, files);
    }
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    }
}

/// The routes of the dashboard: its files at `/dashboard/…`, and a way there from `/`.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/", get(async || Redirect::temporary("/dashboard")))
        .route("/dashboard", get(page))
        .route("/dashboard/{*path}", get(page))
}

/// A file; or the page, which finds by the path what it shows. What has a dot in its last part can only be a file.
async fn page(request: Request) -> Response {
    let path = request.uri().path().trim_start_matches("/dashboard").trim_start_matches('/');
    let is_file = path.rsplit('/').next().is_some_and(|name| name.contains('.'));
    let Some(file) = FILES.get(if is_file { path } else { INDEX }) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut headers: HeaderMap =
        HEADERS.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect();
    headers.insert(ETAG, file.tag.clone());
    if let Some((_, policy)) = FRAMES.iter().find(|(frame, _)| *frame == path) {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    }
    if is_known(request.headers(), &file.tag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(file.media_type));
    (headers, Bytes::from_static(file.content)).into_response()
}

/// Whether the browser has this very content (RFC 9110, section 13.1.2, where a proxy may have weakened the tag).
fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .map(|known| known.trim().trim_start_matches("W/"))
        .any(|known| known == "*" || known.as_bytes() == tag.as_bytes())
}
