// example.cpp -- the library in C++: true points of a swiss roll, and their exact log densities.
#include "diffuse/subject.h"

#include <cstdio>
#include <stdexcept>
#include <vector>

// An arena that ends with its scope, and statuses as exceptions.
struct Arena : df_arena {
    Arena() : df_arena() {}
    ~Arena() { df_arena_free(this); }
};

int main()
try {
    Arena arena;
    df_error error;
    df_reference roll;
    if (df_reference_load(&roll, &arena, "swissroll", -1, 0, &error) != DF_OK) throw std::runtime_error(error.message);
    std::vector<double> x(2 * 5);
    df_reference_points(&roll, 0, 5, x.data());
    for (size_t i = 0; i < x.size(); i += 2)
        std::printf("%.9g,%.9g,%.9g\n", x[i], x[i + 1], df_mixture_log_density(&roll.mixture, 1, 0, &x[i]));
} catch (const std::exception &problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 1;
}
