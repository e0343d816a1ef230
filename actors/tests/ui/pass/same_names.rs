//! Actors with methods of one name live side by side, also one that speaks protocols.
#![deny(warnings)]

#[wharf::protocol]
trait Named {
    async fn rename(&mut self, name: String);
}

struct Cat(String);

#[wharf::actor(Named)]
impl Cat {
    async fn name(&mut self) -> String {
        self.0.clone()
    }
}

impl Named for Cat {
    async fn rename(&mut self, name: String) {
        self.0 = name;
    }
}

struct Dog(String);

#[wharf::actor]
impl Dog {
    async fn name(&mut self) -> String {
        self.0.clone()
    }

    async fn rename(&mut self, name: String) {
        self.0 = name;
    }
}

fn main() {
    wharf::block_on(async {
        let (cat, dog) = (wharf::spawn(Cat("Tom".into())), wharf::spawn(Dog("Rex".into())));
        cat.rename("Kit".into()).await.unwrap();
        dog.rename("Pup".into()).await.unwrap();
        assert_eq!((cat.name().await.unwrap().as_str(), dog.name().await.unwrap().as_str()), ("Kit", "Pup"));
    });
}
