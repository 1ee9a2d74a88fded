/** What whoever paints on a canvas needs: its size in real pixels, and the colours of the page. */

const probe = document.createElement('span')
probe.hidden = true

/** The colour behind a name of the stylesheet, as it is now. */
export function colour(name: string): string {
  if (!probe.isConnected) document.documentElement.append(probe)
  probe.style.color = `var(${name})`
  return getComputedStyle(probe).color
}

/** All colours at once, by their names without `--`. */
export function colours<Name extends string>(...names: readonly Name[]): Readonly<Record<Name, string>> {
  return Object.fromEntries(names.map((name) => [name, colour(`--${name}`)])) as Record<Name, string>
}

/** Makes the canvas as large as it is shown, and empties it; the context counts in CSS pixels. */
export function prepare(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const scale = devicePixelRatio || 1
  const [wide, high] = [Math.round(width * scale), Math.round(height * scale)]
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide
    canvas.height = high
    canvas.style.height = `${height}px`
  }
  const context = canvas.getContext('2d')!
  context.setTransform(scale, 0, 0, scale, 0, 0)
  context.clearRect(0, 0, width, height)
  return context
}

export const FONT = "12px system-ui, 'Noto Sans', 'Noto Sans CJK KR', sans-serif"

/** Steps of 1, 2 or 5 that leave about `count` marks. */
export function steps(from: number, until: number, count: number): readonly number[] {
  const raw = (until - from) / Math.max(1, count)
  if (!(raw > 0) || !Number.isFinite(raw)) return []
  const size = 10 ** Math.floor(Math.log10(raw))
  const step = size * ([1, 2, 5, 10].find((one) => size * one >= raw) ?? 10)
  const marks: number[] = []
  for (let at = Math.ceil(from / step) * step; at <= until && marks.length < 50; at += step) marks.push(at)
  return marks
}
