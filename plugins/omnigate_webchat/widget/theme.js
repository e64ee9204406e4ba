/**
 * Colours from one brand colour, with the contrast that people need.
 * Source: WCAG 2.2, relative luminance and contrast ratio (1.4.3: text 4.5, 1.4.11: parts 3).
 */

/** @typedef {[number, number, number]} Rgb */

/** @type {Rgb} */
const WHITE = [255, 255, 255];
/** @type {Rgb} */
const BLACK = [0, 0, 0];

const LIGHT = {
  surface: "#ffffff",
  ground: "#f4f5f8",
  text: "#1a1d24",
  muted: "#596273",
  line: "#dfe2e9",
  balloon: "#ffffff",
  danger: "#b42318",
};

const DARK = {
  surface: "#1c1f26",
  ground: "#14161b",
  text: "#eceef2",
  muted: "#a5adbb",
  line: "#333844",
  balloon: "#262a33",
  danger: "#ff9b8f",
};

/** @param {string} hex @returns {Rgb} */
function parse(hex) {
  const number = parseInt(hex.slice(1), 16);
  return [number >> 16, (number >> 8) & 255, number & 255];
}

/** @param {Rgb} color */
function luminance(color) {
  const [r, g, b] = color.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** @param {Rgb} a @param {Rgb} b */
function contrast(a, b) {
  const ratio = (luminance(a) + 0.05) / (luminance(b) + 0.05);
  return Math.max(ratio, 1 / ratio);
}

/** @param {Rgb} from @param {Rgb} to @param {number} share @returns {Rgb} */
const mix = (from, to, share) =>
  /** @type {Rgb} */ (from.map((part, i) => Math.round(part + (to[i] - part) * share)));

/**
 * Return the custom properties of the theme as one rule.
 * @param {string} color as #rrggbb
 * @param {boolean} dark
 */
export function themeRule(color, dark) {
  const accent = parse(color);
  const on = contrast(accent, WHITE) >= contrast(accent, BLACK) ? WHITE : BLACK;
  const fixed = dark ? DARK : LIGHT;
  const grounds = [parse(fixed.ground), parse(fixed.balloon)];
  // As text, and around what has the focus, the colour moves away from its grounds until it reads.
  let shade = accent;
  for (let share = 0.04; grounds.some((ground) => contrast(shade, ground) < 4.5); share += 0.04) {
    shade = mix(accent, dark ? WHITE : BLACK, share);
  }
  const text = (/** @type {Rgb} */ rgb) => `rgb(${rgb.join(" ")})`;
  const all = {
    ...fixed,
    accent: text(accent),
    // The far end of the gradient goes away from the text on it: contrast only grows.
    accent2: text(mix(accent, on === WHITE ? BLACK : WHITE, 0.16)),
    on: text(on),
    link: text(shade),
  };
  const rules = Object.entries(all).map(([name, value]) => `--${name}:${value};`);
  return `:host{color-scheme:${dark ? "dark" : "light"} !important;${rules.join("")}}`;
}
