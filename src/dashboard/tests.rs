use axum::body::Body;
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;

async fn ask(path: &str, headers: &[(HeaderName, &str)]) -> (StatusCode, HeaderMap, Vec<u8>) {
    let mut request = Request::builder().uri(path);
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    let (parts, body) = router::<()>().oneshot(request).await.unwrap().into_parts();
    (parts.status, parts.headers, body.collect().await.unwrap().to_bytes().to_vec())
}

#[tokio::test]
async fn every_file_is_served_with_its_type_and_every_guard() {
    for (path, file) in FILES.iter() {
        let (status, headers, body) = ask(&format!("/dashboard/{path}"), &[]).await;
        assert_eq!((status, body.as_slice()), (StatusCode::OK, file.content), "{path}");
        assert_eq!(headers[CONTENT_TYPE], file.media_type, "{path}");
        for (name, value) in HEADERS {
            let own = FRAMES.iter().find(|(frame, _)| frame == path).map(|(_, policy)| *policy);
            let own = own.filter(|_| name == CONTENT_SECURITY_POLICY);
            assert_eq!(headers[&name], own.unwrap_or(value), "{path}");
        }
    }
    assert_eq!(media_type("pages/keys.js"), "text/javascript; charset=utf-8");
}

#[tokio::test]
async fn paths_of_pages_answer_the_page_and_unknown_files_nothing() {
    for path in [
        "/dashboard",
        "/dashboard/keys",
        "/dashboard/mails/01a1fc94?project=1",
        "/dashboard/%2e%2e/x",
    ] {
        let (status, headers, body) = ask(path, &[]).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert_eq!(headers[CONTENT_TYPE], "text/html; charset=utf-8", "{path}");
        assert_eq!(body, FILES[INDEX].content, "{path}");
    }
    for path in ["/dashboard/nothing.js", "/dashboard/../Cargo.toml", "/dashboard/pages/.."] {
        assert_eq!(ask(path, &[]).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    let (status, headers, _) = ask("/", &[]).await;
    assert_eq!(
        (status, headers["location"].to_str().unwrap()),
        (StatusCode::TEMPORARY_REDIRECT, "/dashboard")
    );
}

#[tokio::test]
async fn a_copy_that_is_still_right_is_not_sent_again() {
    let (_, headers, _) = ask("/dashboard/style.css", &[]).await;
    let tag = headers[ETAG].to_str().unwrap();
    for known in [tag.to_owned(), format!("\"other\", W/{tag}"), "*".to_owned()] {
        let (status, headers, body) = ask("/dashboard/style.css", &[(IF_NONE_MATCH, &known)]).await;
        assert_eq!((status, body.len()), (StatusCode::NOT_MODIFIED, 0), "{known}");
        assert_eq!(headers[ETAG], tag);
    }
    let (status, ..) = ask("/dashboard/main.js", &[(IF_NONE_MATCH, tag)]).await;
    assert_eq!(status, StatusCode::OK);
}

fn is_script(path: &str) -> bool {
    media_type(path).starts_with("text/javascript")
}

fn text(path: &str) -> &'static str {
    std::str::from_utf8(FILES[path].content).unwrap()
}

#[test]
fn modules_of_others_are_as_they_were_published() {
    let mut listed = Vec::new();
    for row in text("vendor/README.md").lines().filter(|line| line.contains(".js |")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let (name, expected) = (cells[1], cells[5]);
        let published = text(&format!("vendor/{name}"))
            .replace(r#"from"./preact.js""#, r#"from"preact""#)
            .replace(r#"from"./hooks.js""#, r#"from"preact/hooks""#)
            .replace(r#"from"./signals-core.js""#, r#"from"@preact/signals-core""#);
        let digest = Sha256::digest(published.as_bytes());
        let digest = digest.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        assert_eq!(digest, expected, "{name}");
        listed.push(format!("vendor/{name}"));
    }
    listed.sort();
    let there = FILES.keys().filter(|path| path.starts_with("vendor/") && is_script(path));
    assert_eq!(there.collect::<Vec<_>>(), listed.iter().collect::<Vec<_>>());
}

/// A policy that forbids them would leave a page without its script or its look, and only a browser would tell.
#[test]
fn no_page_holds_a_script_or_a_style_of_its_own() {
    for path in FILES.keys().filter(|path| !path.starts_with("vendor/")) {
        for forbidden in ["<style", " style=", " onclick=", "javascript:", "innerHTML", "eval("] {
            assert!(!text(path).contains(forbidden), "{path} holds {forbidden}");
        }
    }
    assert_eq!(text(INDEX).matches("<script").count(), text(INDEX).matches("></script>").count());
}

/// Without it a browser finds each module only when it has read the one that asks for it.
#[test]
fn the_page_names_every_module_for_loading_at_once() {
    let named: Vec<&str> = text(INDEX)
        .split("\"/dashboard/")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap_or_default())
        .collect();
    for path in &named {
        assert!(FILES.contains_key(*path), "{INDEX} names {path}, which is not there");
    }
    // The encoder is fetched by the one dialog that needs it.
    for path in FILES.keys().filter(|path| is_script(path) && *path != "vendor/qrcode.js") {
        assert!(named.contains(&path.as_str()), "{INDEX} does not name {path}");
    }
}

#[tokio::test]
async fn the_page_for_html_of_strangers_runs_nothing() {
    for (path, loads_pictures) in [("frame.html", false), ("frame-with-pictures.html", true)] {
        let (status, headers, _) = ask(&format!("/dashboard/{path}"), &[]).await;
        assert_eq!(status, StatusCode::OK);
        let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("sandbox allow-same-origin; default-src 'none';"), "{policy}");
        assert!(
            !policy.contains("script") && policy.contains("frame-ancestors 'self'"),
            "{policy}"
        );
        assert_eq!(policy.contains("img-src data: http: https:;"), loads_pictures, "{policy}");
    }
}
