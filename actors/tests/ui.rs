//! What the compiler says about programs that are wrong, and that it takes those that are right.

#[test]
fn errors_are_in_the_users_words_on_the_users_tokens() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
