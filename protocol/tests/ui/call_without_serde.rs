use twinwire::Call;

#[derive(Call)]
struct Greet {
    name: String,
}

fn main() {}
