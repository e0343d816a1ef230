fn main() {
    tonic_prost_build::compile_protos("proto/b.proto").expect("protoc is installed");
}
