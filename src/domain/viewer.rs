//! On whose behalf a use case runs.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::error::{Code, Error};

/// On whose behalf a use case runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Viewer {
    /// Nobody in particular.
    Anonymous,
    /// A person who signed in.
    User(SignedIn),
    /// The service itself.
    System,
}

/// A person who signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// The user.
    pub user_id: Uuid,
    /// The sign-in that the request came with.
    pub session_id: Uuid,
    /// When the token that the request came with ends.
    pub expires_at: DateTime<Utc>,
    /// May list places.
    pub is_host: bool,
    /// Is staff of the marketplace.
    pub is_admin: bool,
    /// Has shown that the e-mail address is theirs.
    pub is_verified: bool,
}

impl Viewer {
    /// The signed-in person, or UNAUTHENTICATED.
    pub fn require_user(&self) -> Result<SignedIn, Error> {
        self.user().ok_or_else(|| Error::refused(Code::Unauthenticated, &[], "sign in first"))
    }

    /// The signed-in host, or why not.
    pub fn require_host(&self) -> Result<SignedIn, Error> {
        let user = self.require_user()?;
        if user.is_host { Ok(user) } else { Err(Error::refused(Code::Forbidden, &[], "become a host first")) }
    }

    /// The signed-in person, if any.
    pub fn user(&self) -> Option<SignedIn> {
        match self {
            Viewer::User(user) => Some(*user),
            Viewer::Anonymous | Viewer::System => None,
        }
    }

    /// Whether this is the person with that id.
    pub fn is(&self, user_id: Uuid) -> bool {
        self.user().is_some_and(|user| user.user_id == user_id)
    }

    /// Whether this is the service itself or its staff.
    pub fn is_staff(&self) -> bool {
        *self == Viewer::System || self.user().is_some_and(|user| user.is_admin)
    }
}
