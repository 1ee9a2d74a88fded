import type { CommandContext } from '@stricli/core'
import { styleText } from 'node:util'
import type { Supervised } from 'dure/supervisor'
import type { Watched } from './watched.ts'

/** The world a command runs in; tests bring their own. */
export type Shell = CommandContext & {
  readonly process: {
    readonly stdout: Output
    readonly stderr: Output
    readonly env: Readonly<Partial<Record<string, string>>>
    exitCode?: number | string | null
  }
  /** Folder that paths are relative to. */
  readonly cwd: string
  readonly stdin: AsyncIterable<Uint8Array | string>
  /** Width of the terminal; 80 where there is none. */
  readonly columns: number
  readonly color: boolean
  /** Whether results go to a file or to another program: then nothing is shortened to a width. */
  readonly piped?: boolean
  /** Whether a person can be asked. */
  readonly interactive: boolean
  /** Resolves with the reason when somebody wants the command to end. */
  readonly stopped: () => Promise<string>
  /** Who started this process as one of several, if anybody did. */
  readonly supervised?: Supervised | undefined
  /** `dure dev`, when it started this process. */
  readonly watched?: Watched | undefined
}

/** How results are laid out. */
export type Layout = { readonly columns: number; readonly color: boolean; readonly piped: boolean }

export function layoutOf({ columns, color, piped = false }: Shell): Layout {
  return { columns: piped ? Infinity : columns, color, piped }
}

export type Output = { readonly write: (text: string) => void }

/** Documented in `dure --help`. */
export const EXIT: { readonly done: 0; readonly failed: 1; readonly misuse: 2 } = Object.freeze({ done: 0, failed: 1, misuse: 2 })

/** An error whose message is all a user needs: no stack is shown. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly exitCode: number

  constructor(message: string, options: { readonly exitCode?: number; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.exitCode = options.exitCode ?? EXIT.failed
  }
}

/** Results go to standard output, talk to standard error. */
export function print(shell: Shell, text: string): void {
  shell.process.stdout.write(text.endsWith('\n') ? text : `${text}\n`)
}

export function say(shell: Shell, text: string): void {
  shell.process.stderr.write(`${text}\n`)
}

/** All of standard input. */
export async function readInput({ stdin }: Shell): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stdin) chunks.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)
  return Buffer.concat(chunks).toString()
}

export function paint(
  shell: { readonly color: boolean },
  style: 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan',
  text: string,
): string {
  return shell.color && text !== '' ? styleText(style, text, { validateStream: false }) : text
}
