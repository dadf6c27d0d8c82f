//! The handlers of jobs, by kind.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::domain::error::Error;
use crate::domain::{bookings, payments, reviews};
use crate::platform::App;
use crate::platform::queue::Job;

/// Runs the handler of a job.
pub(super) fn handle<'a>(app: &'a App, job: &'a Job) -> BoxFuture<'a, Result<(), Error>> {
    dispatch(app, job).boxed()
}

async fn dispatch(app: &App, job: &Job) -> Result<(), Error> {
    match job.kind.as_str() {
        bookings::ADVANCE => bookings::advance(app, object_id(job)?).await.map(|_| ()),
        payments::HANDLE_EVENT => payments::handle_event(app, object_id(job)?).await,
        payments::RECORD_FEE => payments::record_fee(app, object_id(job)?).await,
        payments::PAY_OUT => payments::pay_out(app, object_id(job)?).await,
        reviews::PUBLISH_REVIEWS => reviews::publish_due(app, object_id(job)?).await,
        other => Err(Error::failed(format!("there is no handler for jobs of kind {other}"))),
    }
}

fn object_id(job: &Job) -> Result<Uuid, Error> {
    job.about().ok_or_else(|| Error::failed("the payload of the job contains no object id"))
}
