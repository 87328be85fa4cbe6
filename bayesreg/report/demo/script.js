// Two coefficients, three answers: everything that the page shows, computed here from moments.
//
// J(b) = ½‖y − β₀ − Zb‖² + k(|b₁|^q + |b₂|^q),  k = σ²/s^q,  is −σ²·log posterior + constant under
// the prior p(b_j) ∝ exp(−|b_j/s|^q). q = 1 is Laplace(b = s), q = 2 is Normal(τ = s/√2).
//
// `moments` is {a, h, d, c1, c2, ...}: Z'Z = [a h; h d] and Z'y = [c1, c2] about their means.
// A `setting` is {sigma, scale, power}: σ, s and q. Down to "The page", every function is pure.
"use strict";

const NATS = 46; // below the mode nothing is integrated: e^−46 is below rounding, in long tails too
const STEPS = [0.4, 0.2, 0.1, 0.05, 0.025, 0.0125]; // of the quadrature, until it stands still
const STILL = 1e-11; // of its sd
const FINE = 0.08; // the step by which credible regions are found,
const BINS = 2048; // and the bins of their heights
const REGIONS = [0.5, 0.8, 0.95];

// ---------------------------------------------------------------- the loss and the penalty

function strength({ sigma, scale, power }) {
  return (sigma * sigma) / Math.pow(scale, power);
}

/** λ as it is written: of ½λ‖b‖² where q = 2, else of λ·Σ|b|^q. */
function lam(setting) {
  return (setting.power === 2 ? 2 : 1) * strength(setting);
}

/** The scale as the prior's own argument: τ of a normal, b of a Laplace, s of a bridge. */
function spoken({ scale, power }) {
  return power === 2 ? scale / Math.SQRT2 : scale;
}

function leastSquares({ a, h, d, c1, c2 }) {
  const det = a * d - h * h;
  return [(d * c1 - h * c2) / det, (a * c2 - h * c1) / det];
}

/** ½‖y − Zb‖² above its minimum. */
function excess(moments, b) {
  const [x, y] = leastSquares(moments);
  const u = b[0] - x, v = b[1] - y;
  return 0.5 * (moments.a * u * u + 2 * moments.h * u * v + moments.d * v * v);
}

function penalty(b, k, q) {
  return k * (power(Math.abs(b[0]), q) + power(Math.abs(b[1]), q));
}

function power(x, q) {
  return q === 1 ? x : q === 2 ? x * x : Math.pow(x, q);
}

/** J above the smallest loss. */
function cost(moments, b, k, q) {
  return excess(moments, b) + penalty(b, k, q);
}

/** ½‖y − β₀ − Zb‖² at its minimum. */
function leastLoss(moments) {
  const [x, y] = leastSquares(moments);
  return 0.5 * Math.max(moments.yy - x * moments.c1 - y * moments.c2, 0);
}

// ---------------------------------------------------------------- the mode

/**
 * The largest root t of a·t + kq·t^(q−1) = c > 0, or 0 where there is none: where ½at² − ct + kt^q
 * is stationary with t > 0. Newton's steps from a side from which they cannot overshoot: the left
 * for 1 < q < 2, where the left-hand side is concave, the right for q < 1, where it is convex.
 */
function stationary(a, c, k, q) {
  if (q === 1) return Math.max(c - k, 0) / a;
  if (q === 2) return c / (a + 2 * k);
  const p = q - 1, kq = k * q;
  let t = q > 1 ? Math.min(c / (2 * a), Math.pow(c / (2 * kq), 1 / p)) : c / a;
  if (q < 1) {
    const lowest = Math.pow((-p * kq) / a, 1 / (1 - p));
    if (!(t > lowest) || a * lowest + kq * Math.pow(lowest, p) >= c) return 0;
  }
  for (let i = 0; i < 200 && t > 0; i++) {
    const power = kq * Math.pow(t, p);
    const next = t - (a * t + power - c) / (a + (p * power) / t);
    if (!(q > 1 ? next > t : next < t)) break;
    t = next;
  }
  return t;
}

/** argmin ½at² − ct + k|t|^q. */
function axisMinimum(a, c, k, q) {
  const t = stationary(a, Math.abs(c), k, q);
  const lower = q >= 1 || 0.5 * a * t * t - Math.abs(c) * t + k * Math.pow(t, q) < 0;
  return lower ? Math.sign(c) * t : 0;
}

/** The root of an increasing function between low and high, to the last bit. */
function bisect(slope, low, high) {
  for (;;) {
    const middle = 0.5 * (low + high);
    if (middle <= low || middle >= high) return middle;
    if (slope(middle) < 0) low = middle;
    else high = middle;
  }
}

/** argmin J: on the valley b₁(b₂) for q ≥ 1, where J is convex; else the lowest of all optima. */
function mode(moments, k, q) {
  return q >= 1 ? convexMode(moments, k, q) : lowestMode(moments, k, q);
}

function convexMode({ a, h, d, c1, c2 }, k, q) {
  const valley = (t) => axisMinimum(a, c1 - h * t, k, q);
  const pull = c2 - h * valley(0); // of the loss on b₂ at 0
  if (Math.abs(pull) <= (q === 1 ? k : 0)) return [valley(0), 0];
  const sign = Math.sign(pull);
  const slope = (t) =>
    sign * (d * sign * t + h * valley(sign * t) - c2) + k * q * Math.pow(t, q - 1);
  let high = Math.abs(pull) / d;
  while (slope(high) < 0) high *= 2;
  const t = sign * bisect(slope, 0, high);
  return [valley(t), t];
}

/** For q < 1: the origin, the best on each axis, and what is stationary inside each quadrant. */
function lowestMode(moments, k, q) {
  const { a, h, d, c1, c2 } = moments;
  const found = [[0, 0], [axisMinimum(a, c1, k, q), 0], [0, axisMinimum(d, c2, k, q)]];
  const wide = Math.sqrt((2 * excess(moments, [0, 0])) / (d - (h * h) / a)); // J(b) ≤ J(0) inside
  const [, centre] = leastSquares(moments);
  for (const sign of [-1, 1]) {
    const valley = (t) => {
      const c = c1 - h * sign * t;
      return Math.sign(c) * stationary(a, Math.abs(c), k, q);
    };
    const slope = (t) => sign * (d * sign * t + h * valley(t) - c2) + k * q * Math.pow(t, q - 1);
    const most = wide + sign * centre, points = 96;
    for (let i = 1, last = NaN, from = 0; i <= points && most > 0; i++) {
      const t = most * Math.pow(i / points, 3);
      const now = valley(t) === 0 ? NaN : slope(t);
      if (last < 0 && now >= 0) {
        const root = bisect(slope, from, t);
        found.push([valley(root), sign * root]);
      }
      last = now;
      from = t;
    }
  }
  const costs = found.map((b) => cost(moments, b, k, q));
  return found[costs.indexOf(Math.min(...costs))];
}

/** The modes along other strengths of the penalty. */
function path(moments, strengths, q) {
  return strengths.map((k) => mode(moments, k, q));
}

/**
 * What has a formula: for q = 2 the whole posterior, N((Z'Z + λI)⁻¹Z'y, σ²(Z'Z + λI)⁻¹); for q = 1
 * the mode, (Z'Z)⁻¹(Z'y − λ·signs) on the columns that are not zero; else nothing (null).
 */
function closedForm(moments, setting) {
  const { a, h, d, c1, c2 } = moments, k = strength(setting), q = setting.power;
  if (q === 2) {
    const A = { a: a + 2 * k, h, d: d + 2 * k, c1, c2 };
    const share = (setting.sigma * setting.sigma) / (A.a * A.d - h * h);
    const cov = [share * A.d, -share * h, share * A.a];
    return { mode: leastSquares(A), mean: leastSquares(A), cov, region: REGIONS.map(chiSquare) };
  }
  if (q !== 1) return null;
  const all = [-1, 0, 1].flatMap((s) => [-1, 0, 1].map((t) => [s, t]));
  const points = all.map(([s, t]) => {
    if (s && t) return leastSquares({ a, h, d, c1: c1 - k * s, c2: c2 - k * t });
    return s ? [(c1 - k * s) / a, 0] : [0, t ? (c2 - k * t) / d : 0];
  });
  const valid = points.filter((b, i) => b.every((x, j) => Math.sign(x) === all[i][j]));
  const costs = valid.map((b) => cost(moments, b, k, 1));
  return { mode: valid[costs.indexOf(Math.min(...costs))] };
}

/** How far a normal density in the plane falls, in nats, within the region that holds a share. */
function chiSquare(share) {
  return -Math.log1p(-share);
}

// ---------------------------------------------------------------- the posterior

/**
 * Nodes and weights on (0, 1). `even` is the trapezoidal rule, exact to rounding for what is smooth
 * and vanishes at both ends. `cusp` is a double-exponential one (Takahasi & Mori 1974, "Double
 * exponential formulas for numerical integration", Publ. RIMS 9): u ∝ log(1 + exp(t − e^−t)) on
 * even t, so that whatever happens at 0 does no harm, and nodes near 0 keep their digits. They begin
 * e^−40 from 0 in units of the prior's scale.
 */
function rules(step, moments, { sigma, scale }) {
  const size = Math.hypot(...leastSquares(moments)) + sigma / Math.sqrt(Math.min(moments.a, moments.d));
  const first = -Math.log(40 + Math.max(0, Math.log(size / scale)));
  const last = 8, count = Math.round((last - first) / step);
  const even = { u: new Float64Array(count - 1), weight: new Float64Array(count - 1) };
  const cusp = { u: new Float64Array(count + 1), weight: new Float64Array(count + 1) };
  const top = Math.log1p(Math.exp(last - Math.exp(-last)));
  for (let i = 0; i <= count; i++) {
    const t = last - (count - i) * step, e = Math.exp(t - Math.exp(-t));
    cusp.u[i] = Math.log1p(e) / top;
    cusp.weight[i] = (step * (1 + Math.exp(-t)) * e) / ((1 + e) * top);
    if (i > 0 && i < count) {
      even.u[i - 1] = i / count;
      even.weight[i - 1] = 1 / count;
    }
  }
  return { even, cusp };
}

/** [low, high] in parts on which a density with a cusp at 0 is smooth, and the rule of each. */
function pieces([low, high], { even, cusp }) {
  if (low < 0 && high > 0) return [[0, low, cusp], [0, high, cusp]];
  if (low >= 0) return [low === 0 ? [0, high, cusp] : [low, high, even]];
  return [high === 0 ? [0, low, cusp] : [low, high, even]];
}

/** Where a function crosses `top` between `within`, where it is below, and `beyond`: outside. */
function crossing(f, within, beyond, top) {
  for (let i = 0; i < 9; i++) {
    const middle = 0.5 * (within + beyond);
    if (f(middle) <= top) within = middle;
    else beyond = middle;
  }
  return beyond;
}

/** The hull of where ½a(t − centre)² + k|t|^q ≤ top, a little wider; null where it is nowhere. */
function hull(a, centre, k, q, top) {
  const side = centre < 0 ? -1 : 1, m = Math.abs(centre);
  const f = (t) => 0.5 * a * (t - m) * (t - m) + k * power(Math.abs(t), q);
  const far = Math.sqrt((2 * top) / a), best = stationary(a, a * m, k, q);
  const zero = f(0) <= top;
  let high = null;
  if (best > 0 && f(best) <= top) high = crossing(f, best, m + far, top);
  else if (zero) high = crossing(f, 0, best > 0 ? best : m + far, top);
  if (high === null) return null;
  const low = zero ? crossing(f, 0, Math.min(m - far, 0), top) : crossing(f, best, 0, top);
  return side > 0 ? [low, high] : [-high, -low];
}

/** The hull of the b₂ at which the valley of J is below `top`, likewise, about the mode. */
function span(moments, k, q, best, top) {
  const { a, h, d, c1 } = moments, [, y] = leastSquares(moments), schur = d - (h * h) / a;
  const valley = (t) => {
    const centre = (c1 - h * t) / a, u = axisMinimum(a, a * centre, k, q);
    return (
      0.5 * schur * (t - y) * (t - y) + k * power(Math.abs(t), q) +
      0.5 * a * (u - centre) * (u - centre) + k * power(Math.abs(u), q)
    );
  };
  const far = Math.sqrt((2 * top) / schur);
  // For q ≥ 1 it is convex, and for q < 1 low at 0 too, and in places that are looked for.
  const seen = q >= 1 ? [y - far, best, y + far] : line(y - far, y + far, 129, [0, best]);
  const below = seen.map((t) => t === best || valley(t) <= top);
  const [first, last] = [below.indexOf(true), below.lastIndexOf(true)];
  return [
    first ? crossing(valley, seen[first], seen[first - 1], top) : seen[first],
    last < seen.length - 1 ? crossing(valley, seen[last], seen[last + 1], top) : seen[last],
  ];
}

/**
 * ∫ (1, e, e²)·exp(−(J − floor)/σ²) db₁ at one b₂, e = b₁ − origin, down to `deep` nats below the
 * mode. `seen(t, nats, density)` hears of every node
 * in order, and of NaN before each part.
 */
function across(moments, setting, floor, b2, nodes, { origin = 0, deep = NATS, seen } = {}) {
  const { a, h, d, c1 } = moments, k = strength(setting), q = setting.power;
  const variance = setting.sigma * setting.sigma, [, y] = leastSquares(moments);
  const centre = (c1 - h * b2) / a, gone = b2 - y;
  const rest = 0.5 * (d - (h * h) / a) * gone * gone + k * power(Math.abs(b2), q) - floor;
  const window = hull(a, centre, k, q, deep * variance - rest);
  let s0 = 0, s1 = 0, s2 = 0;
  for (const [from, to, { u, weight }] of window ? pieces(window, nodes) : []) {
    const width = Math.abs(to - from);
    if (seen) seen(NaN, NaN, NaN);
    for (let i = 0; i < u.length; i++) {
      const t = from + (to - from) * u[i], off = t - centre;
      const nats = (0.5 * a * off * off + k * power(Math.abs(t), q) + rest) / variance;
      const density = Math.exp(-nats), mass = width * weight[i] * density;
      s0 += mass;
      s1 += mass * (t - origin);
      s2 += mass * (t - origin) * (t - origin);
      if (seen) seen(t, nats, density);
    }
  }
  return [s0, s1, s2];
}

/** Integral, means and covariances by one step, about the mode so that no digits cancel. */
function integrate(moments, setting, floor, best, window, step) {
  const nodes = rules(step, moments, setting);
  let total = 0, x1 = 0, x2 = 0, x11 = 0, x12 = 0, x22 = 0;
  for (const [from, to, { u, weight }] of pieces(window, nodes)) {
    for (let i = 0; i < u.length; i++) {
      const t = from + (to - from) * u[i], w = weight[i] * Math.abs(to - from);
      const [s0, s1, s2] = across(moments, setting, floor, t, nodes, { origin: best[0] });
      const e = t - best[1];
      total += w * s0;
      x1 += w * s1;
      x2 += w * s0 * e;
      x11 += w * s2;
      x12 += w * s1 * e;
      x22 += w * s0 * e * e;
    }
  }
  const [m1, m2] = [x1 / total, x2 / total];
  const cov = [x11 / total - m1 * m1, x12 / total - m1 * m2, x22 / total - m2 * m2];
  return { total, mean: [best[0] + m1, best[1] + m2], cov };
}

/**
 * The posterior: mean, covariances (b₁, both, b₂), sds, log ∫exp(−(J − J(mode))/σ²) and how many
 * nats below the mode the highest-density regions of REGIONS end. `settled` says whether halving
 * the step moved none of the moments by 1e−11 of its sd, or by what rounding makes of heights.
 */
function posterior(moments, setting) {
  const found = summary(moments, setting);
  return { ...found, region: regions(moments, setting, found) };
}

/** The same without the regions. */
function summary(moments, setting) {
  const k = strength(setting), q = setting.power, variance = setting.sigma * setting.sigma;
  const best = mode(moments, k, q), floor = cost(moments, best, k, q);
  const window = span(moments, k, q, best[1], floor + NATS * variance);
  const still = STILL + (1e-15 * floor) / variance;
  let now = null, settled = false;
  for (const step of STEPS) {
    const last = now;
    now = integrate(moments, setting, floor, best, window, step);
    settled = last !== null && apart(now, last) < still;
    if (settled) break;
  }
  const { total, mean, cov } = now, sd = [Math.sqrt(cov[0]), Math.sqrt(cov[2])];
  return { mode: best, mean, cov, sd, logTotal: Math.log(total), settled, floor, total };
}

function apart(now, last) {
  const sd = [Math.sqrt(now.cov[0]), Math.sqrt(now.cov[2])];
  return Math.max(
    Math.abs(now.total / last.total - 1),
    ...[0, 1].map((j) => Math.abs(now.mean[j] - last.mean[j]) / sd[j]),
    ...[0, 2].map((j) => Math.abs(now.cov[j] / last.cov[j] - 1)),
  );
}

/**
 * The nats below the mode within which lie the shares of REGIONS. Between two nodes of a row the
 * height is taken as straight, less what the loss bends it on average, so that their mass within v
 * nats is a ramp in v: slopes and offsets of all ramps, summed by bins, are the distribution of the
 * height at the bins' edges.
 */
function regions(moments, setting, { mode, floor, total }) {
  const q = setting.power, variance = setting.sigma * setting.sigma;
  const deep = 6 + 6 / q; // below all of them, were the posterior the prior or normal
  const window = span(moments, strength(setting), q, mode[1], floor + deep * variance);
  const nodes = rules(FINE, moments, setting), slopes = new Float64Array(BINS + 1), offsets = new Float64Array(BINS + 1);
  const bend = moments.a / (12 * variance);
  let w = 0, t0 = NaN, v0 = NaN, p0 = NaN;
  const begin = (slope, v) => {
    const bin = Math.min(BINS, Math.max(0, Math.ceil((v / deep) * BINS)));
    slopes[bin] += slope;
    offsets[bin] += slope * v;
  };
  const seen = (t, v, p) => {
    if (t === t && t0 === t0) {
      const width = Math.abs(t - t0), rise = Math.abs(v - v0);
      const mass = w * width * (rise > 1e-6 ? Math.abs(p - p0) / rise : p);
      const low = Math.min(v0, v) - width * width * bend, long = Math.max(rise, 1e-7);
      begin(mass / long, low);
      begin(-mass / long, low + long);
    }
    [t0, v0, p0] = [t, v, p];
  };
  for (const [from, to, { u, weight }] of pieces(window, nodes)) {
    for (let i = 0; i < u.length; i++) {
      w = weight[i] * Math.abs(to - from);
      across(moments, setting, floor, from + (to - from) * u[i], nodes, { deep, seen });
    }
  }
  const within = new Float64Array(BINS + 1);
  for (let i = 0, slope = 0, offset = 0; i <= BINS; i++) {
    slope += slopes[i];
    offset += offsets[i];
    within[i] = (slope * i * deep) / BINS - offset;
  }
  return REGIONS.map((share) => {
    const wanted = share * total, i = within.findIndex((mass) => mass >= wanted);
    return ((i - (within[i] - wanted) / (within[i] - within[i - 1])) * deep) / BINS;
  });
}

function swapped({ a, h, d, c1, c2, yy }) {
  return { a: d, h, d: a, c1: c2, c2: c1, yy };
}

/** The posterior density of coefficient j at some points. */
function marginal(moments, setting, answer, j, points) {
  const own = j === 1 ? moments : swapped(moments), nodes = rules(0.1, moments, setting);
  return points.map((t) => across(own, setting, answer.floor, t, nodes)[0] / answer.total);
}

/** log Γ by Stirling's series from 10 on, which is reached by the recurrence. */
function logGamma(x) {
  let shift = 0;
  while (x < 10) shift -= Math.log(x++);
  const z = 1 / (x * x);
  const series = (1 / 12 - z * (1 / 360 - z * (1 / 1260 - z * (1 / 1680 - z / 1188)))) / x;
  return shift + (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series;
}

/** The prior density q/(2sΓ(1/q))·exp(−|t/s|^q) at some points. */
function priorDensity({ scale, power }, points) {
  const top = Math.log(power / (2 * scale)) - logGamma(1 / power);
  return points.map((t) => Math.exp(top - Math.pow(Math.abs(t / scale), power)));
}

// ---------------------------------------------------------------- other libraries

/**
 * What other libraries call λ, each by its own objective; null where they have no such penalty.
 * scikit-learn's Ridge sums over rows, its Lasso, glmnet, statsmodels and PyTorch's MSELoss divide
 * by N; glmnet also divides the squares of its ridge by the sd of y.
 */
function converted(data, setting) {
  const l = lam(setting), n = data.n, q = setting.power;
  if (q === 1) return { sklearn: l / n, glmnet: l / n, statsmodels: l / n, torch: null };
  if (q !== 2) return null;
  const glmnet = (Math.sqrt(data.moments.yy / n) * l) / n;
  return { sklearn: l, glmnet, statsmodels: l / n, torch: (2 * l) / n };
}

/** Calls by which they minimise the same objective: [library, call, remark]. */
function elsewhere(data, setting) {
  const found = converted(data, setting), ridge = setting.power === 2;
  if (!found) return [];
  const fit = data.intercept ? "" : ", fit_intercept=False", each = digits(found.statsmodels);
  const vector = data.intercept ? `[0, ${each}, ${each}]` : each;
  const glmnet =
    `glmnet(x, y, alpha=${ridge ? 0 : 1}, lambda=${digits(found.glmnet)}` +
    `${data.standardized ? "" : ", standardize=FALSE"}${data.intercept ? "" : ", intercept=FALSE"})`;
  const sklearn = `${ridge ? "Ridge" : "Lasso"}(alpha=${digits(found.sklearn)}${fit})`;
  const first = data.standardized ? ", after StandardScaler()" : "";
  const rows = [
    ["scikit-learn", sklearn, (ridge ? "alpha = λ" : "alpha = λ/N") + first],
    ["glmnet", glmnet, ridge ? "lambda = sd(y)·λ/N" : "lambda = λ/N"],
    [
      "statsmodels", `OLS(y, X).fit_regularized(alpha=${vector}, L1_wt=${ridge ? 0 : 1})`,
      "alpha = λ/N" + (data.intercept ? ", 0 for the constant" : "") +
        (data.standardized ? ", on standardised columns" : ""),
    ],
  ];
  if (ridge) {
    const remark = "2λ/N beside MSELoss(), on the two weights and not on the bias";
    rows.push(["PyTorch", `SGD(..., weight_decay=${digits(found.torch)})`, remark]);
  }
  if (!data.weighted) return rows;
  return rows.slice(0, 2).map(([what, call, remark]) => [what, call, `${remark}, with the weights`]);
}

/** The prior and the objective in words. */
function words(data, setting) {
  const q = setting.power, Z = data.standardized ? "Zb" : "Xβ", b = data.standardized ? "b" : "β";
  const loss = `½‖y − ${data.intercept ? "β₀ − " : ""}${Z}‖²`, size = digits(spoken(setting));
  const value = digits(lam(setting));
  if (q === 2) {
    return {
      name: "Ridge", letter: "τ", prior: `Normal(scale=${size})`,
      objective: `${loss} + ½λ‖${b}‖²`, lam: `λ = σ²/τ² = ${value}`,
    };
  }
  if (q === 1) {
    return {
      name: "Lasso", letter: "b", prior: `Laplace(scale=${size})`,
      objective: `${loss} + λ‖${b}‖₁`, lam: `λ = σ²/b = ${value}`,
    };
  }
  return {
    name: "Bridge", letter: "s", prior: `Bridge(q=${digits(q)}, scale=${size})`,
    objective: `${loss} + λ·Σ|${b}_j|^${digits(q)}`, lam: `λ = σ²/s^q = ${value}`,
  };
}

function digits(x) {
  if (x === 0) return "0";
  if (!Number.isFinite(x)) return "unresolved";
  const text = Math.abs(x) >= 1e6 || Math.abs(x) < 1e-4 ? x.toExponential(3) : x.toPrecision(4);
  return text.includes("e") ? String(Number(text)).replace("e+", "e") : String(Number(text));
}

function shown(x) {
  return digits(x).replace(/-/g, "−");
}

/** 10^i for a whole i. */
function powerOfTen(i) {
  if (i >= -2 && i <= 3) return shown(Math.pow(10, i));
  return `10${String(i).replace(/./g, (c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]))}`;
}

/** What a listener is told when something moved. */
function sentence(data, setting, answer) {
  const said = words(data, setting), zero = data.names.filter((_, j) => answer.mode[j] === 0);
  const at = (b) => data.names.map((name, j) => `${name} ${shown(b[j])}`).join(", ");
  const nothing = zero.length
    ? `The mode of ${zero.join(" and ")} is exactly 0; the posterior probability of that is 0.`
    : "No coefficient of the mode is exactly 0.";
  return (
    `${said.name}, ${said.lam.replace(/ = [^=]*$/, "")} = ${shown(lam(setting))}: the mode is at ` +
    `${at(answer.mode)}; the posterior mean at ${at(answer.mean)}. ${nothing}`
  );
}

// ---------------------------------------------------------------- curves

/** The curve Σ|b_j|^q = level as points, its corners among them. */
function ball(level, q, points = 240) {
  const r = Math.pow(level, 1 / q);
  return Array.from({ length: points + 1 }, (_, i) => {
    const turn = (4 * i) / points, side = Math.floor(turn), t = turn - side;
    // The share u of |b₁|^q in the sum; its ends are approached so that no corner is cut off.
    const u = t * t * (3 - 2 * t);
    const near = Math.pow(u, 1 / q), far = Math.pow(1 - u, 1 / q);
    const [x, y] = [[far, near], [-near, far], [-far, -near], [near, -far]][side % 4];
    return [r * x, r * y];
  });
}

/** The ellipse on which the loss is `level` above its minimum. */
function ellipse(moments, level, points = 120) {
  const [x, y] = leastSquares(moments), root = Math.sqrt(moments.a);
  const schur = Math.sqrt(moments.d - (moments.h * moments.h) / moments.a);
  return Array.from({ length: points + 1 }, (_, i) => {
    const turn = (2 * Math.PI * i) / points, r = Math.sqrt(2 * level);
    const v = (r * Math.sin(turn)) / schur;
    return [x + (r * Math.cos(turn)) / root - (moments.h / moments.a) * v, y + v];
  });
}

/**
 * Closed curves on which a function, given on a grid, is `level`: marching squares, cell by cell,
 * joined at the grid lines. Outside the grid it counts as higher.
 */
function contour(xs, ys, values, level) {
  const columns = xs.length, links = new Map(), inside = (i, j) =>
    i >= 0 && j >= 0 && i < columns && j < ys.length && values[j * columns + i] < level;
  const value = (i, j) => values[j * columns + i];
  const crossing = (i, j, k, l) => {
    const key = `${Math.min(i, k)},${Math.min(j, l)},${i === k ? "v" : "h"}`;
    const [ci, cj, ck, cl] = [i, j, k, l].map((x, n) =>
      Math.min(Math.max(x, 0), (n % 2 ? ys.length : columns) - 1));
    const out = ci !== i || cj !== j ? -1 : ck !== k || cl !== l ? 1 : 0;
    const share = out ? (out < 0 ? 1 : 0) : (level - value(i, j)) / (value(k, l) - value(i, j));
    return { key, at: [xs[ci] + share * (xs[ck] - xs[ci]), ys[cj] + share * (ys[cl] - ys[cj])] };
  };
  for (let j = -1; j < ys.length; j++) {
    for (let i = -1; i < columns; i++) {
      const corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]];
      const sides = [];
      corners.forEach((corner, n) => {
        const next = corners[(n + 1) % 4];
        if (inside(...corner) !== inside(...next)) {
          // Out of the inside or into it, so that two crossings of one curve are neighbours.
          sides.push({ ...crossing(...corner, ...next), leaves: inside(...corner) });
        }
      });
      const first = sides.findIndex((side) => side.leaves);
      for (let n = 0; n < sides.length; n += 2) {
        const from = sides[(first + n) % sides.length], to = sides[(first + n + 1) % sides.length];
        links.set(from.key, { at: from.at, to: to.key });
      }
    }
  }
  const loops = [];
  while (links.size) {
    const loop = [];
    for (let key = links.keys().next().value; links.has(key);) {
      const { at, to } = links.get(key);
      links.delete(key);
      loop.push(at);
      key = to;
    }
    loops.push(loop);
  }
  return loops;
}

/** Evenly spaced numbers, and those of `among` that lie between, in order. */
function line(low, high, count, among = []) {
  const even = Array.from({ length: count }, (_, i) => low + ((high - low) * i) / (count - 1));
  const more = among.filter((x) => x > low && x < high && !even.includes(x));
  return [...even, ...more].sort((x, y) => x - y);
}

/** Round numbers from low to high, about `count` of them. */
function ticks(low, high, count = 5) {
  const rough = (high - low) / count, unit = Math.pow(10, Math.floor(Math.log10(rough)));
  const step = unit * [1, 2, 5, 10].find((m) => m * unit >= rough);
  const first = Math.ceil(low / step), last = Math.floor(high / step);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

/** The power of ten in which numbers from low to high have few digits; 0 where they have. */
function exponent(low, high) {
  const power = Math.floor(Math.log10(Math.max(Math.abs(low), Math.abs(high))));
  return power > 2 || power < -1 ? power : 0;
}

/** What an axis is, with the unit of its numbers where that is not 1. */
function inUnits(label, power) {
  return power === 0 ? label : `${label}, in units of ${powerOfTen(power)}`;
}

/** The square of the plane that is shown: 0, the least-squares estimate, and what is between. */
function frame(data) {
  const hat = leastSquares(data.moments), { a, h, d } = data.moments;
  const sds = [a - (h * h) / d, d - (h * h) / a].map((c) => data.start.sigma / Math.sqrt(c));
  const size = Math.max(...hat.map(Math.abs));
  const half = Math.max(
    ...[0, 1].map((j) => Math.abs(hat[j]) / 2 + Math.max(0.3 * size, 3.2 * sds[j])),
  );
  return hat.map((x) => [x / 2 - half, x / 2 + half]);
}

/** The k at which the least-squares estimate is penalised by what the loss rises to at 0. */
function even(moments, q) {
  const hat = leastSquares(moments), rise = excess(moments, [0, 0]);
  return rise > 0 ? rise / penalty(hat, 1, q) : moments.yy;
}

/** The same weight of the least-squares estimate under another exponent. */
function withPower(moments, setting, q) {
  const share = strength(setting) / even(moments, setting.power);
  const scale = scaleOf(share * even(moments, q), setting.sigma, q);
  return { ...setting, power: q, scale };
}

function scaleOf(k, sigma, q) {
  return Math.pow((sigma * sigma) / k, 1 / q);
}

/** Strengths from next to none to all but everything at 0, along which the path is drawn. */
function strengths(moments, q) {
  return line(-3.3, 2.3, 113).map((x) => Math.pow(10, x) * even(moments, q));
}

/** From where to where the sliders go, in the logarithm but for q. */
function ranges(data, q) {
  const { sigma } = data.start, k = even(data.moments, q);
  return {
    sigma: [sigma / 10, sigma * 10],
    scale: [scaleOf(100 * k, sigma, q), scaleOf(k / 1000, sigma, q)],
    power: [0.3, 2],
  };
}

// ---------------------------------------------------------------- the page

const SIZE = 400; // of a drawing, in its own units
const MARGIN = { left: 46, right: 12, top: 12, bottom: 42 };

function node(tag, attributes = {}, ...children) {
  const made = document.createElementNS(document.querySelector("svg").namespaceURI, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Axes in an emptied drawing: what draws on it, in the units of the data. */
function axes(svg, [x0, x1], [y0, y1], labels, height = SIZE, name = null) {
  const right = SIZE - MARGIN.right, bottom = height - MARGIN.bottom;
  const X = (x) => MARGIN.left + ((x - x0) / (x1 - x0)) * (right - MARGIN.left);
  const Y = (y) => bottom - ((y - y0) / (y1 - y0)) * (bottom - MARGIN.top);
  const [along, up] = [name ? 0 : exponent(x0, x1), labels.bare ? 0 : exponent(y0, y1)];
  const numeral = (x, power) => shown(x / Math.pow(10, power));
  const clip = `${svg.id}-inside`;
  const box = { x: MARGIN.left, y: MARGIN.top, width: right - MARGIN.left };
  const area = node("rect", { ...box, height: bottom - MARGIN.top });
  const inside = node("g", { "clip-path": `url(#${clip})` });
  const around = node("g", { class: "axes" });
  const text = (x, y, said, anchor, more = {}) =>
    around.append(node("text", { x, y, "text-anchor": anchor, ...more }, said));
  const stroke = (xa, ya, xb, yb, kind) =>
    around.append(node("line", { x1: xa, y1: ya, x2: xb, y2: yb, class: kind }));
  for (const x of ticks(x0, x1)) {
    stroke(X(x), MARGIN.top, X(x), bottom, x === 0 && !labels.log ? "zero" : "grid");
    text(X(x), bottom + 15, name ? name(x) : numeral(x, along), "middle");
  }
  for (const y of labels.bare ? [] : ticks(y0, y1)) {
    stroke(MARGIN.left, Y(y), right, Y(y), y === 0 ? "zero" : "grid");
    text(MARGIN.left - 6, Y(y) + 4, numeral(y, up), "end");
  }
  const middle = (MARGIN.top + bottom) / 2;
  text((MARGIN.left + right) / 2, height - 8, inUnits(labels.x, along), "middle", { class: "label" });
  const turned = { class: "label", transform: `rotate(-90 12 ${middle})` };
  text(12, middle, inUnits(labels.y, up), "middle", turned);
  svg.replaceChildren(node("clipPath", { id: clip }, area), around, inside);
  const trace = (points) =>
    points.map(([x, y], i) => `${i ? "L" : "M"}${X(x).toFixed(2)} ${Y(y).toFixed(2)}`).join("");
  return {
    line: (points, kind) => inside.append(node("path", { d: trace(points), class: kind })),
    area: (loops, kind) => {
      const d = loops.map((loop) => `${trace(loop)}Z`).join("");
      inside.append(node("path", { d, class: kind }));
    },
    mark: (x, y, kind) => Number.isFinite(x + y) && inside.append(mark(X(x), Y(y), kind)),
    edges: { x: [x0, x1], y: [y0, y1] },
  };
}

/** Least squares a cross, the mode a disc, the mean a diamond, a closed form a ring. */
function mark(x, y, kind) {
  if (kind === "hat") {
    return node("path", { d: `M${x - 5} ${y - 5}l10 10m0 -10l-10 10`, class: "mark hat" });
  }
  if (kind === "mean") {
    return node("path", { d: `M${x} ${y - 8}l8 8l-8 8l-8 -8Z`, class: "mark mean" });
  }
  const r = kind === "closed" ? 11 : 4;
  return node("circle", { cx: x, cy: y, r, class: `mark ${kind}` });
}

/** The names of the two axes of the plane. */
function axisNames(data) {
  return data.names.map((name) => (data.standardized ? `${name}, per sd` : name));
}

/** Loss and constraint: the smallest ellipse that the region reaches touches it at the mode. */
function drawOptimum(svg, data, setting, answer, followed) {
  const view = frame(data), [x, y] = axisNames(data), q = setting.power;
  const plane = axes(svg, view[0], view[1], { x, y });
  const whole = excess(data.moments, [0, 0]) || strength(setting);
  for (const share of [0.03, 0.12, 0.3, 0.6, 1, 1.6, 2.6]) {
    plane.line(ellipse(data.moments, share * whole), "loss");
  }
  const level = penalty(answer.mode, 1, q);
  plane.area([ball(level, q)], "constraint");
  plane.line(ellipse(data.moments, excess(data.moments, answer.mode)), "loss touching");
  for (const part of unbroken(followed, q)) plane.line(part, "path");
  marks(plane, data, setting, answer);
}

/** A path in parts: for q < 1 it jumps where a coefficient becomes 0. */
function unbroken(points, q) {
  const zeros = (b) => b.map((x) => x === 0).join();
  return points.reduce((parts, b, i) => {
    if (i && (q >= 1 || zeros(b) === zeros(points[i - 1]))) parts.at(-1).push(b);
    else parts.push([b]);
    return parts;
  }, []);
}

function marks(plane, data, setting, answer) {
  const formula = closedForm(data.moments, setting);
  plane.mark(...leastSquares(data.moments), "hat");
  plane.mark(...answer.mean, "mean");
  if (formula) plane.mark(...formula.mode, "closed");
  plane.mark(...answer.mode, "mode");
}

/** Prior, likelihood and posterior on the same plane. */
function drawPosterior(svg, data, setting, answer) {
  const view = frame(data), [x, y] = axisNames(data), { moments } = data, q = setting.power;
  const plane = axes(svg, view[0], view[1], { x, y });
  for (const nats of [1, 2, 4]) {
    const curve = ball(nats, q).map(([u, v]) => [setting.scale * u, setting.scale * v]);
    plane.line(curve, "prior");
  }
  const likely = setting.sigma * setting.sigma * chiSquare(REGIONS.at(-1));
  plane.line(ellipse(moments, likely), "likelihood");
  if (Number.isFinite(answer.region.at(-1))) shade(plane, moments, setting, answer);
  marks(plane, data, setting, answer);
}

/** The regions of highest density. */
function shade(plane, moments, setting, answer) {
  const k = strength(setting), q = setting.power, variance = setting.sigma * setting.sigma;
  const top = answer.floor + 1.05 * variance * answer.region.at(-1);
  const window = [swapped(moments), moments].map((own, j) => span(own, k, q, answer.mode[j], top));
  const [xs, ys] = window.map(([low, high], j) => line(low, high, 121, [0, answer.mode[j]]));
  const values = ys.flatMap((v) => xs.map((u) => cost(moments, [u, v], k, q) - answer.floor));
  for (const depth of [...answer.region].reverse()) {
    plane.area(contour(xs, ys, values, variance * depth), "region");
  }
}

/** Both coefficients of the mode along λ, and where we are. */
function drawPath(svg, data, setting, answer, followed) {
  const { power } = setting, all = followed.flat();
  const logs = strengths(data.moments, power).map((k) => Math.log10(power === 2 ? 2 * k : k));
  const low = Math.min(0, ...all), high = Math.max(0, ...all), pad = 0.06 * (high - low || 1);
  const labels = { x: "λ", y: data.standardized ? "mode, per sd" : "mode", log: true };
  const name = (x) => (Number.isInteger(x) ? powerOfTen(x) : "");
  const ends = [Math.min(...logs), Math.max(...logs)];
  const plane = axes(svg, ends, [low - pad, high + pad], labels, 300, name);
  const here = Math.log10(lam(setting));
  plane.line([[here, low - pad], [here, high + pad]], "here");
  for (const j of [0, 1]) {
    const along = followed.map((b, i) => [b[0], b[1], logs[i]]);
    for (const part of unbroken(along, power)) {
      plane.line(part.map((b) => [b[2], b[j]]), `coefficient c${j}`);
    }
    plane.mark(here, answer.mean[j], "mean");
    plane.mark(here, answer.mode[j], "mode");
  }
}

/** Each coefficient's prior and posterior density. */
function drawDensities(svg, data, setting, answer) {
  const view = frame(data), low = Math.min(view[0][0], view[1][0]);
  const high = Math.max(view[0][1], view[1][1]), fine = [];
  for (let x = (high - low) / 8; x > (high - low) / 1e4; x /= 1.6) fine.push(x, -x);
  const near = [0, 1].map((j) =>
    line(-4, 4, 33).map((z) => answer.mean[j] + z * answer.sd[j]).concat(fine, answer.mode[j], 0));
  const curves = near.map((points, j) => {
    const xs = line(low, high, 121, [...new Set(points)]);
    const ys = marginal(data.moments, setting, answer, j, xs);
    return xs.map((x, i) => [x, ys[i]]).filter(([, y]) => Number.isFinite(y));
  });
  const most = 1.12 * Math.max(...curves.flat().map(([, y]) => y), 1e-9);
  const labels = { x: data.standardized ? "coefficient, per sd" : "coefficient", y: "density", bare: true };
  const plane = axes(svg, [low, high], [-0.05 * most, most], labels, 300);
  const xs = line(low, high, 121, [...fine, 0]);
  const ys = priorDensity(setting, xs);
  plane.line(xs.map((x, i) => [x, ys[i]]), "prior");
  curves.forEach((curve, j) => plane.line(curve, `coefficient c${j}`));
  for (const j of [0, 1]) {
    plane.mark(answer.mean[j], 0, "mean");
    plane.mark(answer.mode[j], 0, "mode");
  }
}

/** One row of a table; `heads` name the cells where the head is out of sight. */
function row(heads, [first, ...cells]) {
  const made = document.createElement("tr"), head = document.createElement("th");
  head.scope = "row";
  head.append(first);
  made.append(head);
  cells.forEach((cell, i) => {
    const one = document.createElement("td");
    one.dataset.head = heads[i];
    one.append(cell);
    made.append(one);
  });
  return made;
}

function code(text) {
  const made = document.createElement("code");
  made.append(text);
  return made;
}

/** The points as a table, in the unit of the penalty and per unit of the column. */
function writeAnswers(data, setting, answer) {
  const formula = closedForm(data.moments, setting), hat = leastSquares(data.moments);
  const heads = [...document.querySelectorAll("#answers thead th")].slice(1).map((h) => h.textContent);
  const points = (b, more = ["", ""]) => [
    ...b.map((x, j) => shown(x) + more[j]),
    ...(data.standardized ? b.map((x, j) => shown(x / data.sds[j])) : []),
  ];
  const none = points([NaN, NaN]).map(() => "none");
  document.querySelector("#answers tbody").replaceChildren(
    row(heads, ["Least squares", ...points(hat)]),
    row(heads, ["Mode (MAP)", ...points(answer.mode)]),
    row(heads, ["Closed form", ...(formula ? points(formula.mode) : none)]),
    row(heads, ["Posterior mean ± sd", ...points(answer.mean, answer.sd.map((s) => ` ± ${shown(s)}`))]),
  );
  document.getElementById("agreement").textContent = agreement(setting, answer, formula);
}

/** How far the answers are apart, each found in its own way. */
function agreement(setting, answer, formula) {
  const gap = (b, c) => shown(Math.max(Math.abs(b[0] - c[0]), Math.abs(b[1] - c[1])));
  const loose = answer.settled ? "" : " The quadrature has not settled: the last digits may move.";
  if (setting.power === 2) {
    return (
      "The three answers are one point: the mode by bisection and the mean by quadrature are " +
      `within ${gap(answer.mode, formula.mode)} and ${gap(answer.mean, formula.mean)} of the formula.`
    ) + loose;
  }
  if (setting.power === 1) {
    return (
      "The mode has a formula once the signs are known, and bisection is within " +
      `${gap(answer.mode, formula.mode)} of it; the posterior has none, and its mean is another ` +
      `point, ${gap(answer.mode, answer.mean)} away.`
    ) + loose;
  }
  const many = setting.power < 1 ? " J has several optima here, and the lowest is shown." : "";
  return `Neither the mode nor the posterior has a formula.${many}${loose}`;
}

/** λ with its objective, the prior, and other libraries. */
function writeLam(data, setting, answer) {
  const said = words(data, setting), k = strength(setting), rows = elsewhere(data, setting);
  const J = leastLoss(data.moments) + cost(data.moments, answer.mode, k, setting.power);
  const put = (id, text) => { document.getElementById(id).textContent = text; };
  put("lam", said.lam);
  put("objective", `${said.objective}, ${shown(J)} at the mode`);
  put("prior", `${said.prior}, with σ = ${shown(setting.sigma)}`);
  document.querySelector("#libraries tbody").replaceChildren(
    ...rows.map(([what, call, remark]) => row(["call", ""], [what, code(call), remark])),
  );
  document.getElementById("libraries").hidden = !rows.length;
  document.getElementById("nowhere").hidden = rows.length > 0;
}

/** Everything at one setting; `paths` keeps those of exponents that were here before. */
function show(data, setting, paths) {
  const answer = posterior(data.moments, setting), get = (id) => document.getElementById(id);
  const q = setting.power, { moments } = data;
  if (!paths.has(q)) paths.set(q, path(moments, strengths(moments, q), q));
  const followed = paths.get(q);
  drawOptimum(get("optimum"), data, setting, answer, followed);
  drawPosterior(get("posterior"), data, setting, answer);
  drawPath(get("path"), data, setting, answer, followed);
  drawDensities(get("densities"), data, setting, answer);
  writeAnswers(data, setting, answer);
  writeLam(data, setting, answer);
  return sentence(data, setting, answer);
}

/** The sliders and the numbers beside them, which say the same, and what follows from both. */
function start() {
  const data = JSON.parse(document.getElementById("data").textContent);
  const setting = { ...data.start }, paths = new Map(), get = (id) => document.getElementById(id);
  const said = get("said"), trouble = get("trouble");
  let waiting = 0, speaking = 0;
  const place = (name, value) => {
    const [low, high] = ranges(data, setting.power)[name];
    return name === "power" ? value : (1000 * Math.log(value / low)) / Math.log(high / low);
  };
  const value = (name, at) => {
    const [low, high] = ranges(data, setting.power)[name];
    return name === "power" ? at : low * Math.pow(high / low, at / 1000);
  };
  const update = () => {
    const { letter } = words(data, setting);
    get("letter").textContent = letter;
    for (const name of ["sigma", "scale", "power"]) {
      const number = name === "scale" ? spoken(setting) : setting[name];
      get(`${name}-slider`).value = place(name, setting[name]);
      get(`${name}-slider`).setAttribute("aria-valuetext", digits(number));
      if (document.activeElement !== get(name)) get(name).value = digits(number);
    }
    for (const button of document.querySelectorAll("[data-power]")) {
      button.setAttribute("aria-pressed", Number(button.dataset.power) === setting.power);
    }
    const told = show(data, setting, paths);
    clearTimeout(speaking); // a slider that is moving is not talked over
    speaking = setTimeout(() => { said.textContent = told; }, 400);
  };
  const soon = () => {
    clearTimeout(waiting); // what comes at once is drawn once
    waiting = setTimeout(update);
  };
  const set = (name, number) => {
    if (name === "power") Object.assign(setting, withPower(data.moments, setting, number));
    else setting[name] = number;
    soon();
  };
  const typed = (name, text) => {
    const number = Number(text), [least, most] = name === "power" ? [0.2, 2] : [1e-300, 1e300];
    const good = text.trim() !== "" && number >= least && number <= most;
    get(name).setAttribute("aria-invalid", !good);
    trouble.textContent = good ? "" : name === "power"
      ? "The exponent is a number from 0.2 to 2." : "Give a number above 0.";
    if (!good) return;
    set(name, name === "scale" && setting.power === 2 ? number * Math.SQRT2 : number);
  };
  for (const name of ["sigma", "scale", "power"]) {
    get(`${name}-slider`).addEventListener("input", (event) => {
      set(name, value(name, Number(event.target.value)));
    });
    get(name).addEventListener("input", (event) => typed(name, event.target.value));
    get(name).addEventListener("change", soon);
  }
  for (const button of document.querySelectorAll("[data-power]")) {
    button.addEventListener("click", () => set("power", Number(button.dataset.power)));
  }
  get("again").addEventListener("click", () => {
    Object.assign(setting, data.start);
    soon();
  });
  document.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  update();
}

if (typeof document !== "undefined") start();
