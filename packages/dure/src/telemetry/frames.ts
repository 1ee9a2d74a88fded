import { findSourceMap } from 'node:module'

/** Where a function was when something was thrown. */
export type Frame = {
  /** Undefined for what has no name. */
  readonly name: string | undefined
  /** A path or a URL; of what was compiled, that of its source where a source map is known. */
  readonly file: string
  readonly line: number
  readonly column: number
}

const FRAME = /^\s*at (?:(.*?) \()?(.+?):(\d+):(\d+)\)?$/

/**
 * The frames of a stack. Node maps them itself while it runs with `--enable-source-maps`; where a program makes its own text of them,
 * they are mapped here, by the maps that Node has read.
 */
export function framesOf(stack: string): readonly Frame[] {
  return stack.split('\n').flatMap((line) => frameOf(line) ?? [])
}

function frameOf(text: string): Frame | undefined {
  const [, name, file, line, column] = FRAME.exec(text) ?? []
  if (file === undefined) return undefined
  return sourceOf({ name: nameOf(name), file, line: Number(line), column: Number(column) })
}

/** `async Object.place [as handler]` is `place`. */
function nameOf(text: string | undefined): string | undefined {
  const name = text
    ?.replace(/^(?:async|new) /, '')
    .replace(/ \[as .*\]$/, '')
    .replace(/^Object\./, '')
  return name === undefined || name === '' || name === '<anonymous>' ? undefined : name
}

function sourceOf(frame: Frame): Frame {
  // What is no source map, or a broken one, must not take the place of the error that is told of.
  try {
    const found = findSourceMap(frame.file.replace(/^file:\/\//, ''))?.findEntry(frame.line - 1, frame.column - 1)
    if (found === undefined || !('originalSource' in found)) return frame
    const { originalSource, originalLine, originalColumn } = found
    return { name: frame.name, file: originalSource, line: originalLine + 1, column: originalColumn + 1 }
  } catch {
    return frame
  }
}

/** Where Dure's own packages stand when they are not in `node_modules`. */
const HOUSE = /^(.*\/packages\/)dure\/src\//.exec(import.meta.url)?.[1]

/** Whether it is of the application itself: not of Node, not of a package. */
export function isOwn({ file }: Frame): boolean {
  if (file.startsWith('node:') || file.includes('node_modules') || file.includes('<anonymous>')) return false
  return HOUSE === undefined || !(file.startsWith(HOUSE) || `file://${file}`.startsWith(HOUSE))
}

/** The same on every machine and in every build: the file and its folder, without endings and what bundlers add. */
export function placeOf({ file }: Frame): string {
  const parts = file.split(/[?#]/)[0]!.split(/[\\/]/).filter(Boolean).slice(-2)
  return parts.map((part) => part.replace(/\.[cm]?[jt]sx?$/, '').replace(/[-.](?=\w*\d)\w{8,}$/, '')).join('/')
}
