package org.otpstream.example;

/** What the example expects. */
final class Check {
    private Check() {}

    static void that(boolean holds, Object shown) {
        if (!holds) {
            throw new AssertionError(shown);
        }
    }

    static void equal(Object seen, Object expected) {
        that(expected.equals(seen), seen + ", and not " + expected);
    }
}
