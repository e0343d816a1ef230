//! All that the server and its clients share: what can be asked, and under which name.

/// What the directory is exported as.
pub(crate) const DIRECTORY: &str = "directory";

/// A telephone directory. Its name and version are what two programs know it by, whatever else they are made
/// of; a later version may stand beside this one.
#[wharf::protocol(name = "example.Directory", version = 1)]
pub(crate) trait Directory {
    /// Enters a number; gives the one that was there.
    async fn enter(&mut self, name: String, number: u64) -> Option<u64>;

    /// The number of somebody.
    async fn find(&mut self, name: String) -> Result<u64, String>;

    /// Takes somebody out. Nobody waits for it.
    #[one_way]
    async fn strike_out(&mut self, name: String);
}
