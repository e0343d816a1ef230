//! The files of Unix sockets: whose they are, and what stands in their way.

use std::fs::{self, File};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use wharf_net::transport::{Address, Listener, Transport, TransportError, Unix};

use crate::grounds::{Ground, OverUnix, give_way, listen, run};

/// What is in the directory.
fn files(ground: &OverUnix) -> Vec<String> {
    let entries = fs::read_dir(ground.0.path()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}

/// A socket that a program left behind when it was killed.
fn leave_behind(at: &Address) {
    drop(UnixListener::bind(at.rest()).unwrap());
    assert!(fs::symlink_metadata(at.rest()).unwrap().file_type().is_socket());
}

async fn is_live(at: &Address, listener: &mut dyn Listener) {
    let called = async {
        let mut called = Unix.dial(at).await.unwrap();
        called.writer.write_all(b"x").await.unwrap();
        called
    };
    let taken = async {
        // Others may have looked whether somebody listens.
        for _ in 0..100 {
            let mut taken = listener.accept().await.unwrap();
            if taken.reader.read_u8().await.is_ok() {
                return;
            }
        }
        panic!("the call did not come");
    };
    tokio::join!(called, taken);
}

#[test]
fn a_socket_is_its_owners_alone_and_nothing_is_left_behind() {
    run(async {
        let ground = OverUnix::default();
        let (mut listener, at) = listen(&ground).await;
        assert_eq!(files(&ground), ["here"]);
        let found = fs::symlink_metadata(at.rest()).unwrap();
        assert_eq!((found.permissions().mode() & 0o777, found.nlink()), (0o600, 1));
        is_live(&at, &mut *listener).await;
        drop(listener);
        assert!(files(&ground).is_empty());
    });
}

#[test]
fn a_dead_socket_is_replaced() {
    run(async {
        let ground = OverUnix::default();
        leave_behind(&ground.address());
        let (mut listener, at) = listen(&ground).await;
        assert_eq!(files(&ground), ["here"]);
        is_live(&at, &mut *listener).await;
    });
}

#[test]
fn a_live_socket_is_not_replaced() {
    run(async {
        let ground = OverUnix::default();
        let (mut listener, at) = listen(&ground).await;
        let inode = fs::symlink_metadata(at.rest()).unwrap().ino();
        let refused = Unix.listen(&at).await.err().unwrap();
        assert!(matches!(refused, TransportError::InUse { .. }), "{refused:?}");
        assert_eq!(fs::symlink_metadata(at.rest()).unwrap().ino(), inode);
        assert_eq!(files(&ground), ["here"]);
        is_live(&at, &mut *listener).await;
    });
}

#[test]
fn a_file_of_another_kind_is_not_touched() {
    run(async {
        let ground = OverUnix::default();
        let (_other, other) = {
            let at = ground.at("other");
            (Unix.listen(&at).await.unwrap(), at)
        };
        fs::write(ground.at("file").rest(), "text").unwrap();
        fs::create_dir(ground.at("directory").rest()).unwrap();
        std::os::unix::fs::symlink(other.rest(), ground.at("link").rest()).unwrap();
        std::os::unix::fs::symlink("nothing", ground.at("broken").rest()).unwrap();
        let before = files(&ground);
        for name in ["file", "directory", "link", "broken"] {
            let refused = Unix.listen(&ground.at(name)).await.err().unwrap();
            assert!(matches!(refused, TransportError::BadAddress { .. }), "{name}: {refused:?}");
        }
        assert_eq!(files(&ground), before);
        assert_eq!(fs::read_to_string(ground.at("file").rest()).unwrap(), "text");
    });
}

#[test]
fn of_many_who_replace_a_dead_socket_at_once_one_does() {
    run(async {
        for _ in 0..40 {
            let ground = Arc::new(OverUnix::default());
            leave_behind(&ground.address());
            let mut starters = JoinSet::new();
            for _ in 0..8 {
                let ground = Arc::clone(&ground);
                starters.spawn(async move { Unix.listen(&ground.address()).await });
            }
            let (won, lost): (Vec<_>, Vec<_>) =
                starters.join_all().await.into_iter().partition(Result::is_ok);
            for lost in lost {
                let lost = lost.err().unwrap();
                assert!(matches!(lost, TransportError::InUse { .. }), "{lost:?}");
            }
            let mut won: Vec<_> = won.into_iter().map(Result::unwrap).collect();
            assert_eq!((won.len(), files(&ground)), (1, vec!["here".to_owned()]));
            is_live(&ground.address(), &mut *won[0]).await;
        }
    });
}

#[test]
fn who_starts_while_another_stops_gets_the_address_or_hears_that_it_is_in_use() {
    run(async {
        let ground = Arc::new(OverUnix::default());
        let (mut listener, at) = listen(&*ground).await;
        for _ in 0..100 {
            let stop = tokio::spawn(async move { drop(listener) });
            listener = loop {
                match Unix.listen(&at).await {
                    Ok(listener) => break listener,
                    Err(TransportError::InUse { .. }) => give_way().await,
                    Err(other) => panic!("{other:?}"),
                }
            };
            stop.await.unwrap();
            is_live(&at, &mut *listener).await;
        }
    });
}

#[test]
fn a_dead_socket_is_replaced_only_with_the_lock_of_its_directory() {
    run(async {
        let ground = Arc::new(OverUnix::default());
        leave_behind(&ground.address());
        let directory = File::open(ground.0.path()).unwrap();
        directory.lock().unwrap();
        let inode = fs::symlink_metadata(ground.address().rest()).unwrap().ino();
        let starter = tokio::spawn({
            let ground = Arc::clone(&ground);
            async move { Unix.listen(&ground.address()).await }
        });
        for _ in 0..1000 {
            give_way().await;
            assert_eq!(fs::symlink_metadata(ground.address().rest()).unwrap().ino(), inode);
        }
        drop(directory);
        let mut listener = starter.await.unwrap().unwrap();
        is_live(&ground.address(), &mut *listener).await;
    });
}

#[test]
fn an_owner_whose_socket_was_replaced_leaves_the_other() {
    run(async {
        let ground = OverUnix::default();
        let (first, at) = listen(&ground).await;
        // By somebody who does not know what it is.
        fs::remove_file(at.rest()).unwrap();
        let mut second = Unix.listen(&at).await.unwrap();
        drop(first);
        assert_eq!(files(&ground), ["here"]);
        is_live(&at, &mut *second).await;
    });
}

#[test]
fn a_path_that_can_not_be_is_refused_and_leaves_nothing() {
    run(async {
        let ground = OverUnix::default();
        let deep = "d".repeat(97 - ground.0.path().as_os_str().len() - 1);
        fs::create_dir(ground.0.path().join(&deep)).unwrap();
        let too_deep = format!("{deep}x");
        fs::create_dir(ground.0.path().join(&too_deep)).unwrap();
        let longest = ground.at(&format!("{deep}/{}", "s".repeat(107 - 97 - 1)));
        assert_eq!(longest.rest().len(), 107);
        drop(Unix.listen(&longest).await.unwrap());
        for name in [format!("{deep}/ssssssssss"), format!("{too_deep}/s"), "missing/s".to_owned()] {
            let refused = Unix.listen(&ground.at(&name)).await.err().unwrap();
            assert!(matches!(refused, TransportError::BadAddress { .. }), "{name}: {refused:?}");
        }
        let mut expected = vec![deep.clone(), too_deep.clone()];
        expected.sort_unstable();
        assert_eq!(files(&ground), expected);
        for directory in [deep, too_deep] {
            assert_eq!(fs::read_dir(ground.0.path().join(directory)).unwrap().count(), 0);
        }
    });
}
