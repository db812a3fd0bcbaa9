# layers.awk -- includes point down. A header says its layer in line 1; a source file has the layer of its
# room. A header may include headers of its own layer as long as no circle comes of it.
BEGIN {
    split("base 1 points 2 process 2 nn 2 draw 2 denoiser 3 core 4 learn 5 solve 5 guide 5 measure 5 model 6 cli 7", rooms, " ")
    for (i = 1; i in rooms; i += 2) room[rooms[i]] = rooms[i + 1]
}

function complain(text) {
    print "FAIL layers: " text
    failed++
}

FNR == 1 {
    file = FILENAME
    parts = split(file, part, "/")
    header = file ~ /\.h$/ && part[1] == "include"
    if (header && !match($0, /^\/\* layer [0-9]: [a-z_]+\.h -- .+\. \*\/$/)) complain(file ": line 1 must be \"/* layer N: name.h -- one sentence. */\"")
    layer[file] = header ? substr($0, 10, 1) : room[part[parts - 1]]
    if (layer[file] == "") complain(file ": " part[parts - 1] " is no room of the house")
    if (part[parts] in seen) complain(file ": the name is taken by " seen[part[parts]])
    seen[part[parts]] = file
}

length > 120 && file !~ /^tests/ { complain(file ":" FNR ": longer than 120 columns") }

/^extern/ && file ~ /\.c$/ && file !~ /kernels|simd/ { complain(file ":" FNR ": declare in a header, not with extern") }

/^#include "/ {
    name = $2
    gsub(/"/, "", name)
    from[++includes] = file
    to[includes] = name ~ /^diffuse\// ? "include/" name : ""
}

# True when `target` can be reached from `header` through includes of the same layer.
function reaches(header, target, depth,    i) {
    if (depth > 20) return 1
    for (i = 1; i <= includes; i++)
        if (from[i] == header && layer[to[i]] == layer[header] && (to[i] == target || reaches(to[i], target, depth + 1))) return 1
    return 0
}

END {
    for (i = 1; i <= includes; i++) {
        if (to[i] == "") continue
        checked++
        if (!(to[i] in layer)) complain(from[i] " includes " to[i] ", which does not exist")
        else if (layer[to[i]] > layer[from[i]]) complain(from[i] " (layer " layer[from[i]] ") may not include " to[i] " (layer " layer[to[i]] ")")
    }
    for (file in layer) if (file ~ /^include/ && reaches(file, file, 0)) complain(file " includes itself through others")
    printf "%d passed, %d failed\n", checked, failed
    exit failed > 0 || checked == 0
}
