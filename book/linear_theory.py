"""Checks each formula of the chapter `linear-theory.md` numerically; `cargo xtask book` runs it."""

import numpy as np

random = np.random.default_rng(0)
n, d, classes = 400, 8, 3
# Samples in rows, correlated, with zero mean; one-hot labels that depend on the samples.
x = random.normal(size=(n, d)) @ random.normal(size=(d, d))
x -= x.mean(axis=0)
y = np.eye(classes)[np.argmax(x @ random.normal(size=(d, classes)), axis=1)]


# ANCHOR: joint
def loss(v, lam):
    """The joint loss of an encoder v: [k, d] with the best linear heads."""
    z = x @ v.T
    to_y = np.linalg.lstsq(z, y, rcond=None)[0]
    to_x = np.linalg.lstsq(z, x, rcond=None)[0]
    return np.sum((z @ to_y - y) ** 2) + lam * np.sum((z @ to_x - x) ** 2)


def optimum(lam, k):
    """The least joint loss with k dimensions, and an encoder that reaches it."""
    q, sigma, p = np.linalg.svd(x, full_matrices=False)
    h = q.T @ y @ y.T @ q + lam * np.diag(sigma**2)
    mu, e = np.linalg.eigh(h)
    mu, e = mu[::-1][:k], e[:, ::-1][:, :k]
    return np.sum(y**2) + lam * np.sum(x**2) - np.sum(mu), e.T @ (p / sigma[:, None])


# ANCHOR_END: joint

for lam in [0.0, 0.1, 1.0, 10.0]:
    least, v = optimum(lam, 3)
    assert abs(loss(v, lam) - least) < 1e-9 * np.sum(x**2)
    for _ in range(100):
        other = v + 0.1 * np.abs(v).mean() * random.normal(size=v.shape)
        assert loss(other, lam) >= least - 1e-9 * np.sum(x**2)

# A large lambda gives principal component analysis: the smallest cosine between the two spans is 1.
_, v = optimum(1e9, 3)
components = np.linalg.svd(x, full_matrices=False)[2][:3]
assert np.linalg.svd(np.linalg.qr(v.T)[0].T @ components.T)[1].min() > 1 - 1e-9

# ANCHOR: gaussian
s = x.T @ x / n
variances = np.sort(np.linalg.eigvalsh(s))
for sigma in [0.1, 1.0, 10.0]:
    gains = np.linalg.eigvals(np.linalg.solve(s + sigma**2 * np.eye(d), s @ s)).real
    assert np.allclose(np.sort(gains), variances**2 / (variances + sigma**2))
# ANCHOR_END: gaussian

# ANCHOR: mask
p, patches = 0.4, [[0, 1], [2, 3], [4, 5], [6, 7]]
same_patch = np.zeros((d, d))
for patch in patches:
    same_patch[np.ix_(patch, patch)] = 1
m = (1 - p) ** 2 * s + p * (1 - p) * s * same_patch
draws = 200_000
kept = np.repeat(random.random((draws, len(patches))) > p, 2, axis=1)
masked = x[random.integers(n, size=draws)] * kept
# The error of a mean of this many draws is about their deviation over the root of their number.
assert np.abs(masked.T @ masked / draws - m).max() < 5 * np.abs(s).max() * 2 / draws**0.5
# ANCHOR_END: mask

# ANCHOR: alignment
_, scale, p_rows = np.linalg.svd(x, full_matrices=False)
codes = x @ p_rows.T / scale  # orthonormal, the largest variance first
energy = np.sum((codes.T @ y) ** 2 @ np.diag(y.sum(axis=0)), axis=1)
a = 100 * np.sqrt(np.cumsum(energy) / np.sum(energy))
# ANCHOR_END: alignment
assert np.all(np.diff(a) >= 0) and abs(a[-1] - 100) < 1e-9
# Definition: the sum over k of |Y Y^T q_k|^2.
assert np.allclose(energy, np.sum((y @ (y.T @ codes)) ** 2, axis=0))

# ANCHOR: order
for c in [0.5, 1.0, 2.0]:
    rate, start = 1e-3, 1e-2
    v = z = start
    steps = 0
    while v * z < 0.5**0.5:
        common = 2 * rate * c * (1 - z * v)
        v, z = v + common * z, z + common * v
        steps += 1
    expected = np.log(2.414 / start**2) / (4 * rate * c)
    assert abs(steps - expected) < 0.01 * expected
# ANCHOR_END: order

print("linear_theory.py: every formula holds")
