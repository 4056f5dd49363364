//! The members of a group and what they have. The `rdkafka` crate has no call for the assignments.

use std::ffi::{CStr, c_char};
use std::ptr;
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode;
use rdkafka_sys as sys;

use super::{NativeError, millis, slice, text};

/// The partitions (topic, number) that the members of a group have together. `None`: the group is not stable.
pub(crate) type GroupAssignment = Option<Vec<(String, i32)>>;

/// # Errors
/// The coordinator does not answer, or denies it.
pub(crate) fn describe_group(
    client: &rdkafka::client::NativeClient,
    group: &CStr,
    timeout: Duration,
) -> Result<GroupAssignment, NativeError> {
    let mut names: [*const c_char; 1] = [group.as_ptr()];
    let client = client.ptr();
    // SAFETY: everything created here is destroyed here. The result belongs to the event. The name is copied, and so is the
    // result before the event is destroyed.
    unsafe {
        let options = sys::rd_kafka_AdminOptions_new(
            client,
            sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS,
        );
        sys::rd_kafka_AdminOptions_set_request_timeout(options, millis(timeout), ptr::null_mut(), 0);
        let queue = sys::rd_kafka_queue_new(client);
        sys::rd_kafka_DescribeConsumerGroups(client, names.as_mut_ptr(), names.len(), options, queue);
        let event = sys::rd_kafka_queue_poll(queue, millis(timeout) + 1000);
        let answer = described(event);
        if !event.is_null() {
            sys::rd_kafka_event_destroy(event);
        }
        sys::rd_kafka_queue_destroy(queue);
        sys::rd_kafka_AdminOptions_destroy(options);
        answer
    }
}

/// # Safety
/// `event` is null or a live event.
unsafe fn described(event: *mut sys::rd_kafka_event_t) -> Result<GroupAssignment, NativeError> {
    if event.is_null() {
        return Err(NativeError::of_code(RDKafkaErrorCode::OperationTimedOut));
    }
    // SAFETY: the event and its parts are alive; `count` pointers are valid.
    unsafe {
        NativeError::check_code(sys::rd_kafka_event_error(event))?;
        let result = sys::rd_kafka_event_DescribeConsumerGroups_result(event);
        if result.is_null() {
            return Err(NativeError::of_code(RDKafkaErrorCode::BadMessage));
        }
        let mut count = 0;
        let groups = sys::rd_kafka_DescribeConsumerGroups_result_groups(result, &mut count);
        let Some(group) = slice(groups.cast_const(), count).first() else {
            return Err(NativeError::of_code(RDKafkaErrorCode::BadMessage));
        };
        NativeError::check_code(sys::rd_kafka_error_code(sys::rd_kafka_ConsumerGroupDescription_error(
            *group,
        )))?;
        let state = sys::rd_kafka_ConsumerGroupDescription_state(*group);
        if state != sys::rd_kafka_consumer_group_state_t::RD_KAFKA_CONSUMER_GROUP_STATE_STABLE {
            return Ok(None);
        }
        let members = 0..sys::rd_kafka_ConsumerGroupDescription_member_count(*group);
        let mut partitions = Vec::new();
        for at in members {
            let member = sys::rd_kafka_ConsumerGroupDescription_member(*group, at);
            let assignment = sys::rd_kafka_MemberDescription_assignment(member);
            let list = sys::rd_kafka_MemberAssignment_partitions(assignment);
            if let Some(list) = list.as_ref() {
                let entries = slice(list.elems.cast_const(), list.cnt as usize).iter();
                partitions.extend(entries.map(|it| (text(it.topic), it.partition)));
            }
        }
        Ok(Some(partitions))
    }
}
