//! Projects through the front door, in the upstream shapes.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::letter;

const PROJECTS: &str = "/v1/account/projects";

#[tokio::test]
async fn a_project_is_made_shown_changed_and_deleted() {
    let app = TestApp::start().await;
    let key = app.account_key().await;
    let body =
        json!({"name": "My New Project", "domain": "Mail.Example.com", "regionKey": "us-east-1"});
    let made = app.post(PROJECTS, &key, body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let data = &made.body["data"];
    let id = data["id"].as_str().unwrap().to_owned();
    insta::assert_json_snapshot!(data, {".id" => "[id]", ".createdAt" => "[time]"}, @r#"
    {
      "createdAt": "[time]",
      "domain": "mail.example.com",
      "domains": [],
      "id": "[id]",
      "name": "My New Project",
      "regionKey": null,
      "retentionDays": null,
      "trackingClick": false,
      "trackingOpen": false
    }
    "#);

    let path = format!("{PROJECTS}/{id}");
    let changed = app.patch(&path, &key, json!({"name": "Renamed", "domain": null})).await;
    assert_eq!(changed.body["data"]["name"], "Renamed");
    assert_eq!(app.get(&path, &key).await.body["data"]["domain"], Value::Null);
    assert_eq!(app.patch(&path, &key, json!({})).await.body["data"]["name"], "Renamed");
    let listed = app.get(PROJECTS, &key).await.body["data"].clone();
    let names: Vec<_> =
        listed["projects"].as_array().unwrap().iter().map(|project| &project["name"]).collect();
    assert_eq!(names, ["Renamed", "My project"]);
    assert_eq!((&listed["hasMore"], &listed["nextCursor"]), (&json!(false), &Value::Null));

    let own = app.key_of(id.parse().unwrap()).await;
    app.accepted(&own, letter()).await;
    let deleted = app.delete(&path, &key).await;
    assert_eq!(deleted.body["message"], "Project deleted successfully");
    app.send(&own, letter()).await.assert_refused(401, "UNAUTHORIZED");
    assert_eq!(app.get("/v1/mails", &own).await.status, 401, "this node knows at once");
    assert_eq!(app.mails_stored().await, 1);
    for reply in [
        app.get(&path, &key).await,
        app.patch(&path, &key, json!({"name": "Back"})).await,
        app.delete(&path, &key).await,
    ] {
        reply.assert_refused(404, "PROJECT_NOT_FOUND");
    }
    let request = app.request(Method::GET, "/v1/mails").bearer_auth(key.text());
    app.ask(request.header("x-project-id", &id)).await.assert_refused(403, "PROJECT_NOT_ALLOWED");
    let actions = "SELECT count(*) FROM audit_log WHERE subject_id = '{id}' AND project_id = '{id}' AND action IN
                   ('project.created', 'project.updated', 'project.deleted')";
    assert_eq!(app.number(&actions.replace("{id}", &id)).await, 3);
    app.stop().await;
}

#[tokio::test]
async fn the_last_project_stays() {
    let app = TestApp::start().await;
    let key = app.account_key().await;
    let path = format!("{PROJECTS}/{}", app.project);
    app.delete(&path, &key).await.assert_refused(400, "LAST_PROJECT_CANNOT_BE_DELETED");
    assert_eq!(app.get(&path, &key).await.status, 200);
    app.stop().await;
}

#[tokio::test]
async fn a_project_key_may_do_nothing_with_projects() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    for (method, path) in [
        (Method::GET, PROJECTS.to_owned()),
        (Method::POST, PROJECTS.to_owned()),
        (Method::GET, format!("{PROJECTS}/{}", app.project)),
        (Method::PATCH, format!("{PROJECTS}/{}", app.project)),
        (Method::DELETE, format!("{PROJECTS}/{}", app.project)),
    ] {
        let request =
            app.request(method, &path).bearer_auth(key.text()).json(&json!({"name": "x"}));
        app.ask(request).await.assert_refused(403, "ACCOUNT_KEY_REQUIRED");
    }
    app.stop().await;
}

#[tokio::test]
async fn every_bad_field_of_a_project_is_named() {
    let app = TestApp::start().await;
    let key = app.account_key().await;
    for (body, fields) in [
        (json!({}), vec!["name"]),
        (json!({"name": "", "domain": "https://example.com"}), vec!["domain", "name"]),
        (json!({"name": "x".repeat(101)}), vec!["name"]),
        (json!({"name": 7}), vec!["name"]),
    ] {
        let reply = app.post(PROJECTS, &key, body).await;
        reply.assert_refused(400, "VALIDATION_FAILED");
        assert_eq!(reply.fields(), fields);
    }
    let path = format!("{PROJECTS}/{}", app.project);
    for body in [json!({"name": null}), json!({"name": "a\nb"}), json!({"domain": "*.example.com"})]
    {
        app.patch(&path, &key, body).await.assert_refused(400, "VALIDATION_FAILED");
    }
    let bad_id = app.get(&format!("{PROJECTS}/7"), &key).await;
    bad_id.assert_refused(400, "VALIDATION_FAILED");
    assert_eq!(bad_id.fields(), ["projectId"]);
    app.stop().await;
}

#[tokio::test]
async fn projects_are_listed_page_by_page() {
    let app = TestApp::start().await;
    let key = app.account_key().await;
    for number in 0..5 {
        assert_eq!(
            app.post(PROJECTS, &key, json!({"name": format!("Project {number}")})).await.status,
            201
        );
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app.get(&format!("{PROJECTS}?limit=4{cursor}"), &key).await.body["data"].clone();
        let projects = page["projects"].as_array().unwrap();
        seen.extend(projects.iter().map(|project| project["name"].as_str().unwrap().to_owned()));
        let Some(next) = page["nextCursor"].as_str() else { break };
        assert_eq!(page["hasMore"], true);
        cursor = format!("&cursor={next}");
    }
    assert_eq!(
        seen,
        ["Project 4", "Project 3", "Project 2", "Project 1", "Project 0", "My project"]
    );
    app.get(&format!("{PROJECTS}?limit=0"), &key).await.assert_refused(400, "VALIDATION_FAILED");
    app.get(&format!("{PROJECTS}?limit=101"), &key).await.assert_refused(400, "VALIDATION_FAILED");
    app.get(&format!("{PROJECTS}?cursor=7"), &key).await.assert_refused(400, "VALIDATION_FAILED");
    app.stop().await;
}
