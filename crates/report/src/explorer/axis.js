// Maps values to positions on an axis, and chooses ticks.

/** The ratio of largest to smallest value above which an axis is logarithmic, if allowed. */
const WIDE = 6;

/** An axis from 0 to 1 over some values, linear or logarithmic. */
class Axis {
  constructor(values, {mayBeLogarithmic = false, scale = 1} = {}) {
    const scaled = values.map((value) => scale * value);
    let [low, high] = [Math.min(...scaled), Math.max(...scaled)];
    this.scale = scale;
    this.logarithmic = mayBeLogarithmic && low > 0 && high / low > WIDE;
    [low, high] = [this.warp(low), this.warp(high)];
    const margin = 0.07 * (high - low) || 0.1 * Math.abs(high) || 1;
    [this.low, this.high] = [low - margin, high + margin];
  }

  warp(value) {
    return this.logarithmic ? Math.log10(value) : value;
  }

  /** The position of a value. */
  at(value) {
    return (this.warp(this.scale * value) - this.low) / (this.high - this.low);
  }

  /** Positions and labels of about `count` round ticks. */
  ticks(count) {
    const values = this.logarithmic ? this.roundPowers(count) : this.roundSteps(count);
    return values.map((value) => ({at: this.at(value / this.scale), text: short(value)}));
  }

  roundSteps(count) {
    const raw = (this.high - this.low) / count;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = power * [1, 2, 5, 10].find((factor) => factor * power >= raw);
    const first = Math.ceil(this.low / step);
    const n = Math.floor(this.high / step) - first + 1;
    // Multiples, not sums, so that 0.3 is 0.3.
    return Array.from({length: n}, (_, i) => (first + i) * step);
  }

  roundPowers(count) {
    const within = (factors) => {
      const powers = [];
      for (let exponent = Math.floor(this.low); exponent <= this.high; exponent += 1) {
        powers.push(...factors.map((factor) => factor * 10 ** exponent));
      }
      return powers.filter((value) => Math.log10(value) >= this.low && Math.log10(value) <= this.high);
    };
    return [[1, 2, 3, 5], [1, 2, 5], [1, 3], [1]].map(within).find((powers) => powers.length <= count + 1) ?? within([1]);
  }
}

/** The λ of a model, evenly spaced, since many are close to 1. */
class LambdaAxis {
  constructor(lambdas) {
    this.lambdas = lambdas;
  }

  at(index) {
    const last = this.lambdas.length - 1;
    return last === 0 ? 0.5 : 0.04 + 0.92 * (index / last);
  }

  /** As many ticks as fit, from both ends. */
  ticks(count) {
    const every = Math.ceil(this.lambdas.length / count);
    const last = this.lambdas.length - 1;
    const shown = this.lambdas.map((_, i) => i).filter((i) => (last - i) % every === 0);
    return shown.map((i) => ({at: this.at(i), text: short(this.lambdas[i], 4)}));
  }
}

