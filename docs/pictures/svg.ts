import type { Piece, Screen } from './terminal.ts'

export type Theme = 'light' | 'dark'

type Colors = { readonly paper: string; readonly text: string; readonly edge: string; readonly palette: readonly string[] }

/** Each colour can be read on its paper: a contrast of 4.5 at least, but for the dimmed. */
const COLORS: Readonly<Record<Theme, Colors>> = {
  light: {
    ...{ paper: '#ffffff', text: '#1f2328', edge: '#d1d9e0' },
    palette: ['#1f2328', '#b3261e', '#116329', '#7d4e00', '#0550ae', '#7a3e9d', '#0b6b7a', '#59636e'],
  },
  dark: {
    ...{ paper: '#0d1117', text: '#e6edf3', edge: '#30363d' },
    palette: ['#8b949e', '#ff7b72', '#56d364', '#e3b341', '#79c0ff', '#d2a8ff', '#76e3ea', '#f0f6fc'],
  },
}

const [WIDTH, HEIGHT, SIZE, EDGE] = [8.4, 20, 14, 16]
const FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"

/** A screen as a picture. Every piece says how wide it is, so that any font keeps the columns. */
export function svgOf({ columns, lines }: Screen, options: { readonly theme: Theme; readonly title: string }): string {
  const { paper, text, edge, palette } = COLORS[options.theme]
  const [width, height] = [Math.ceil(columns * WIDTH) + 2 * EDGE, lines.length * HEIGHT + 2 * EDGE]
  const drawn = lines.flatMap((pieces, y) => pieces.map((piece) => textOf(piece, { y, palette })))
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escaped(options.title)}</title>`,
    `<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8" fill="${paper}" stroke="${edge}"/>`,
    `<g font-family="${FONT}" font-size="${SIZE}" fill="${text}">`,
    ...drawn,
    '</g>',
    '</svg>',
    '',
  ].join('\n')
}

/** One text for each run of words with one space between: what makes more of them into one cannot move what stands behind. */
function textOf({ text, column, color, bold, dim }: Piece, { y, palette }: { y: number; palette: readonly string[] }): string {
  return [...text.matchAll(/\S+(?: \S+)*/g)]
    .map(({ 0: run, index }) => {
      const attributes = {
        x: round(EDGE + (column + [...text.slice(0, index)].length) * WIDTH),
        y: EDGE + y * HEIGHT + SIZE,
        textLength: round([...run].length * WIDTH),
        ...(color !== undefined && { fill: palette[color % 8] }),
        ...(bold && { 'font-weight': 'bold' }),
        ...(dim && { opacity: 0.65 }),
      }
      const words = Object.entries(attributes).map(([name, value]) => `${name}="${value}"`)
      return `<text ${words.join(' ')}>${escaped(run)}</text>`
    })
    .join('')
}

const round = (value: number): number => Math.round(value * 10) / 10

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
