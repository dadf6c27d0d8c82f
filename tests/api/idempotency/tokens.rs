//! What a client gets that sends a sign-in again: no answer is kept, so the tokens are new and the session is the same.

use super::*;

const TOKENS: &str = "tokens { accessToken refreshToken }";
const PASSWORD: &str = "correct horse battery";

fn account() -> Value {
    json!({ "user": { "email": "new@example.com", "password": PASSWORD, "displayName": "New" } })
}

fn refresh(payload: &Value) -> Value {
    json!({ "refreshToken": payload["tokens"]["refreshToken"] })
}

async fn sees_itself(app: &TestApp, payload: &Value) -> String {
    let token = text(payload, "/tokens/accessToken");
    text(&app.gql(token.as_str(), "{ viewer { user { id } } }", json!({})).await, "/viewer/user/id")
}

#[tokio::test]
async fn a_registration_sent_again_gives_new_tokens_of_the_same_session() {
    let app = TestApp::new().await;
    let (first, _) = keyed(&app, &Nobody, "userRegister", account(), TOKENS, "one").await;
    let (again, replayed) = keyed(&app, &Nobody, "userRegister", account(), TOKENS, "one").await;
    assert!(replayed);
    assert_ne!(again["tokens"]["refreshToken"], first["tokens"]["refreshToken"]);
    assert_eq!(sees_itself(&app, &first).await, sees_itself(&app, &again).await);
    assert_eq!((app.count("\"user\"", []).await, app.count("session", []).await), (1, 1));

    // The first refresh token is forgotten, not used up: whoever holds it signs in again, and the session goes on.
    assert_eq!(app.said(&Nobody, "sessionRefresh", refresh(&first)).await, ["TOKEN_EXPIRED refreshToken"]);
    sees_itself(&app, &again).await;
    let later = app.must(&Nobody, "sessionRefresh", refresh(&again), TOKENS).await;
    sees_itself(&app, &later).await;
    app.finish().await;
}

#[tokio::test]
async fn no_password_or_token_is_kept() {
    let app = TestApp::new().await;
    let (first, _) = keyed(&app, &Nobody, "userRegister", account(), TOKENS, "one").await;
    let row = app.rows("SELECT * FROM idempotency_key", []).await.remove(0);
    let kept: Vec<u8> = row.try_get_by("fingerprint").unwrap();
    let subject: Value = row.try_get_by("subject").unwrap();
    assert_eq!((kept.len(), subject.as_array().unwrap().len()), (32, 2));
    let plain = roost::platform::signing::fingerprint(&account().to_string());
    assert_ne!(kept, plain);
    let whole = format!("{subject}");
    assert!(!whole.contains(PASSWORD) && !whole.contains(&text(&first, "/tokens/refreshToken")));
    let mut other = account();
    other["user"]["password"] = json!("another good password");
    let (refused, _) = keyed(&app, &Nobody, "userRegister", other, TOKENS, "one").await;
    assert_eq!((errors(&refused), &refused["tokens"]), (vec!["IDEMPOTENCY_KEY_REUSED".to_owned()], &Value::Null));
    app.finish().await;
}

#[tokio::test]
async fn a_sign_in_is_answered_again_until_its_session_goes_on_or_ends() {
    let app = TestApp::new().await;
    app.must(&Nobody, "userRegister", account(), TOKENS).await;
    let given = json!({ "email": "new@example.com", "password": PASSWORD });
    keyed(&app, &Nobody, "sessionCreate", given.clone(), TOKENS, "one").await;
    let (again, _) = keyed(&app, &Nobody, "sessionCreate", given.clone(), TOKENS, "one").await;
    assert_eq!(app.count("session", []).await, 2);
    app.advance(TimeDelta::minutes(1));
    let later = app.must(&Nobody, "sessionRefresh", refresh(&again), TOKENS).await;
    // The client has seen its tokens, so this is not the client that lost them.
    let (refused, _) = keyed(&app, &Nobody, "sessionCreate", given.clone(), TOKENS, "one").await;
    assert_eq!(errors(&refused), ["TOKEN_EXPIRED"]);
    sees_itself(&app, &later).await;
    app.must(&Nobody, "sessionRefresh", refresh(&later), TOKENS).await;

    let (ended, _) = keyed(&app, &Nobody, "sessionCreate", given.clone(), TOKENS, "two").await;
    app.must(text(&ended, "/tokens/accessToken").as_str(), "sessionRevoke", json!({}), "revokedIds").await;
    let (refused, _) = keyed(&app, &Nobody, "sessionCreate", given, TOKENS, "two").await;
    assert_eq!((errors(&refused), &refused["tokens"]), (vec!["TOKEN_EXPIRED".to_owned()], &Value::Null));
    app.finish().await;
}

#[tokio::test]
async fn tries_at_a_password_are_counted_with_a_key_too() {
    let app = TestApp::with(&["--rate-limit=1000", "--redis-url="]).await;
    let given = |password: &str| json!({ "email": "new@example.com", "password": password });
    app.must(&Nobody, "userRegister", account(), TOKENS).await;
    keyed(&app, &Nobody, "sessionCreate", given(PASSWORD), TOKENS, "one").await;
    let query = document_with("sessionCreate", &given("a guess"), TOKENS, Some("one"));
    let mut tries = 0;
    let last = loop {
        let body = app.post(&Nobody, &query, given("a guess")).await.json();
        let said = errors(&body["data"]["sessionCreate"]);
        tries += 1;
        if said != ["IDEMPOTENCY_KEY_REUSED"] || tries == 1_000 {
            break said;
        }
    };
    assert_eq!(last, ["RATE_LIMITED"], "after {tries} tries");
    let right = document_with("sessionCreate", &given(PASSWORD), TOKENS, Some("one"));
    let body = app.post(&Nobody, &right, given(PASSWORD)).await.json();
    assert_eq!(errors(&body["data"]["sessionCreate"]), ["RATE_LIMITED"]);
    app.finish().await;
}

#[tokio::test]
async fn a_refresh_sent_again_with_its_key_does_not_end_the_session() {
    let app = TestApp::new().await;
    let start = app.must(&Nobody, "userRegister", account(), TOKENS).await;
    app.advance(TimeDelta::minutes(1));
    keyed(&app, &Nobody, "sessionRefresh", refresh(&start), TOKENS, "one").await;
    let (again, replayed) = keyed(&app, &Nobody, "sessionRefresh", refresh(&start), TOKENS, "one").await;
    assert!(replayed);
    sees_itself(&app, &again).await;
    app.advance(TimeDelta::minutes(1));
    let later = app.must(&Nobody, "sessionRefresh", refresh(&again), TOKENS).await;
    // Without the key it is what it always was: a token that somebody else has.
    assert_eq!(app.said(&Nobody, "sessionRefresh", refresh(&start)).await, ["TOKEN_EXPIRED refreshToken"]);
    let token = text(&later, "/tokens/accessToken");
    assert_eq!(
        app.post(token.as_str(), "{ viewer { user { id } } }", json!({})).await.status,
        StatusCode::UNAUTHORIZED
    );
    app.finish().await;
}
