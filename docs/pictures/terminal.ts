import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import xterm, { type IBufferCell } from '@xterm/headless'

/** A run of characters that look alike. */
export type Piece = {
  readonly text: string
  readonly column: number
  /** One of the 16 colours of a terminal; undefined: the one it has for text. */
  readonly color: number | undefined
  readonly bold: boolean
  readonly dim: boolean
}

/** What a terminal shows, from its first line to its last one that is not empty. */
export type Screen = { readonly columns: number; readonly lines: readonly (readonly Piece[])[] }

export type Session = {
  /** Resolves when this can be read; @throws when the program has ended before, with what it said */
  readonly shows: (text: RegExp) => Promise<RegExpExecArray>
  /** As it is when all that was said has been drawn. */
  readonly screen: () => Promise<Screen>
  /** Presses Ctrl-C and waits for the end. */
  readonly interrupt: () => Promise<void>
  /** Waits for the end. */
  readonly ended: Promise<unknown>
}

const ROWS = 200

/**
 * Runs a command line in a pseudo-terminal of util-linux (`script`), as a person sees it.
 * @param options.told says it as it would be on the reader's machine: other folders, the usual port
 */
export function openTerminal(options: {
  readonly command: string
  /** What the person is shown to have typed. */
  readonly typed: string
  readonly columns: number
  readonly cwd: string
  readonly told: (text: string) => string
}): Session {
  const { command, typed, columns, cwd, told } = options
  const terminal = new xterm.Terminal({ cols: columns, rows: ROWS, allowProposedApi: true })
  const { NO_COLOR: _, FORCE_COLOR: __, CI: ___, ...env } = process.env
  const child = spawn('script', ['-qfec', `stty cols ${columns} rows 50; exec ${command}`, '/dev/null'], {
    cwd,
    env: { ...env, TERM: 'xterm-256color' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let said = ''
  terminal.write(`$ ${typed}\r\n`)
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += stripVTControlCharacters(text)
    terminal.write(told(text))
  })
  let over = false
  const ended = once(child, 'close').then(() => (over = true))
  return {
    ended,
    shows: async (text) => {
      for (let waited = 0; ; waited += 20) {
        const found = text.exec(said)
        if (found !== null) return found
        if (over || waited > 60_000) throw new Error(`Cannot draw "${typed}": it shows no ${text}:\n${said}`)
        await setTimeout(20)
      }
    },
    screen: async () => {
      await new Promise<void>((resolve) => terminal.write('', resolve))
      return screenOf(terminal, columns)
    },
    interrupt: async () => {
      child.stdin.write('\u0003')
      await ended
    },
  }
}

function screenOf(terminal: xterm.Terminal, columns: number): Screen {
  const lines: Piece[][] = []
  const { active } = terminal.buffer
  for (let y = 0; y < active.length; y++) {
    const pieces: Piece[] = []
    for (let x = 0; x < columns; x++) {
      const cell = active.getLine(y)?.getCell(x)
      if (cell === undefined || cell.getChars() === '') continue
      const look = lookOf(cell)
      const last = pieces.at(-1)
      const joins =
        last !== undefined &&
        last.column + [...last.text].length === x &&
        (['color', 'bold', 'dim'] as const).every((key) => last[key] === look[key])
      if (joins) pieces[pieces.length - 1] = { ...last, text: last.text + cell.getChars() }
      else pieces.push({ ...look, text: cell.getChars(), column: x })
    }
    lines.push(pieces.filter(({ text }) => text.trim() !== ''))
  }
  return { columns, lines: lines.slice(0, lines.findLastIndex((line) => line.length > 0) + 1) }
}

function lookOf(cell: IBufferCell): Pick<Piece, 'color' | 'bold' | 'dim'> {
  return {
    color: cell.isFgPalette() ? cell.getFgColor() : undefined,
    bold: cell.isBold() !== 0,
    dim: cell.isDim() !== 0,
  }
}
