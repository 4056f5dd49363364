//! What is refused leaves no secret behind.

use std::collections::BTreeSet;

use crate::harness::event::{self, Request, validate};
use crate::harness::secrets::assert_kept;
use crate::harness::world::World;

#[test]
fn no_secret_is_left_behind_by_refusals() {
    let mut world = World::with("secrets", "[policy.egov]\ndigits = 10\n");
    let process = world.run();
    let mut codes = BTreeSet::new();
    let numbers = ["9345678901", "9345678902"];
    for (n, number) in numbers.into_iter().enumerate() {
        let code = world.code_for(number);
        // Cut off in the middle of the code's JSON: a malformed verification that holds a live code.
        let cut = format!(r#"{{"operation":"validate","otp":{{"identity":"{number}","otp":"{code}""#);
        let request = Request::raw(cut.as_bytes()).key(Some(&event::subject(number))).id(&format!("cut-{n}"));
        world.tell(request);
        let odd = serde_json::json!({"operation": "validate", "otp": {"otp": [code], "identity": number, "tenantId": "pb"}});
        world.tell(Request::of("", &odd).id(&format!("odd-{n}")));
        world.ask(validate(number, &code).id(&format!("good-{n}")));
        codes.insert(code);
    }
    world.audit();
    assert_kept(&mut world, &process, &codes, &numbers.map(str::to_owned).into());
}
