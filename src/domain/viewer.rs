//! The viewer: on whose behalf a use case runs, and with which rights.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::error::{Code, Error};

/// On whose behalf a use case runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Viewer {
    /// A caller who is not signed in.
    Anonymous,
    /// A signed-in user.
    User(SignedIn),
    /// The service itself, for example in a job.
    System,
}

/// A signed-in user and their rights, as they were when the request was authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// The id of the user.
    pub user_id: Uuid,
    /// The id of the session that the access token belongs to.
    pub session_id: Uuid,
    /// When the access token expires.
    pub expires_at: DateTime<Utc>,
    /// Whether the user is a host.
    pub is_host: bool,
    /// Whether the user is staff of the marketplace.
    pub is_admin: bool,
    /// Whether the user's e-mail address is verified.
    pub is_verified: bool,
}

impl Viewer {
    /// Returns the signed-in user; fails with `UNAUTHENTICATED` if there is none.
    pub fn require_user(&self) -> Result<SignedIn, Error> {
        self.user().ok_or_else(|| Error::refused(Code::Unauthenticated, &[], "sign in first"))
    }

    /// Returns the signed-in host; fails with `UNAUTHENTICATED` or, for a user who is not a host, `FORBIDDEN`.
    pub fn require_host(&self) -> Result<SignedIn, Error> {
        let user = self.require_user()?;
        if user.is_host { Ok(user) } else { Err(Error::refused(Code::Forbidden, &[], "become a host first")) }
    }

    /// Returns the signed-in user, if any.
    pub fn user(&self) -> Option<SignedIn> {
        match self {
            Viewer::User(user) => Some(*user),
            Viewer::Anonymous | Viewer::System => None,
        }
    }

    /// Whether the viewer is the user with this id.
    pub fn is(&self, user_id: Uuid) -> bool {
        self.user().is_some_and(|user| user.user_id == user_id)
    }

    /// Whether the viewer is the service itself or staff.
    pub fn is_staff(&self) -> bool {
        *self == Viewer::System || self.user().is_some_and(|user| user.is_admin)
    }
}
