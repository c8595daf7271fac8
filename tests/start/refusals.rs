//! What cannot work is refused, in words that say what to do about it.

use crate::server_process::Server;

#[tokio::test]
async fn a_second_server_on_the_same_directory_is_refused_and_the_first_one_goes_on() {
    let mut first = Server::new();
    first.start().await;
    let second = Server::new().with("DATA_DIR", first.data_dir().to_str().unwrap());

    let output = second.run(&["serve"]).await;

    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{complaint}");
    assert!(complaint.contains("another"), "{complaint}");
    assert!(complaint.contains(first.data_dir().to_str().unwrap()), "{complaint}");
    first.ready().await;
}

#[tokio::test]
async fn an_address_that_is_taken_is_named_with_the_setting_that_changes_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let server = Server::new().with("LISTEN_ADDR", &address);

    let output = server.run(&["serve"]).await;

    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{complaint}");
    assert!(complaint.contains(&address) && complaint.contains("LISTEN_ADDR"), "{complaint}");
    assert!(server.postgres().is_none(), "it started a database for nothing");
}

#[tokio::test]
async fn every_setting_that_is_unknown_or_malformed_is_named_at_once() {
    let server = Server::new()
        .with("LISTEN_ADRESS", "127.0.0.1:1")
        .with("SMTP_URL", "http://user:sesame@relay.example")
        .with("LOG_LEVEL", "loud");

    let output = server.run(&[]).await;
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{complaint}");
    assert!(complaint.contains("LISTEN_ADRESS is an unknown setting"), "{complaint}");
    assert!(complaint.contains("did you mean LISTEN_ADDR?"), "{complaint}");

    let mut server = server;
    server.unset("LISTEN_ADRESS");
    let output = server.run(&[]).await;
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{complaint}");
    assert!(complaint.contains("SMTP_URL must"), "{complaint}");
    assert!(complaint.contains("LOG_LEVEL must"), "{complaint}");
    assert!(!complaint.contains("sesame"), "{complaint}");
}
