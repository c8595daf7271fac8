//! Bodies that look like the conversation they are sent in.

use serde_json::json;

use crate::app::TestApp;
use crate::letter_with;
use crate::smtp_server::SmtpServer;

#[tokio::test]
async fn a_body_cannot_end_its_message_or_begin_another() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    let smuggled =
        "MAIL FROM:<eve@evil.example>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nBcc: x\r\n\r\nhi";
    let ends = ["\r\n.\r\n", "\n.\n", "\n.\r\n", "\r.\r", "\r\n\0.\r\n", "\r\n.\r", "\r\n..\r\n"];
    for (number, end) in ends.into_iter().enumerate() {
        let text = format!("before{end}{smuggled}{end}.\0\u{85}after");
        let html = format!("<p>{text}</p>");
        app.accepted(&key, letter_with(json!({"text": text, "html": html}))).await;
        let received = server.wait_for(number + 1).await;
        let message = mail_parser::MessageParser::default().parse(&received[number].data).unwrap();
        assert_eq!(message.subject(), Some("Your receipt"));
        assert_eq!(message.headers().iter().filter(|header| header.name() == "Bcc").count(), 0);
        let arrived = message.body_text(0).unwrap().into_owned();
        assert!(
            arrived.starts_with("before") && arrived.trim_end().ends_with("after"),
            "{end:?} {arrived}"
        );
    }
    app.stop().await;
    let received = server.received();
    assert_eq!(received.len(), ends.len());
    assert!(
        received
            .iter()
            .all(|mail| mail.to == ["ada@example.org"] && mail.from == "shop@example.com")
    );
}
