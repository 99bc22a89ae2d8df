// Holds the precompiled header that all tests share; see CMakeLists.txt.
int main() { return 0; }
