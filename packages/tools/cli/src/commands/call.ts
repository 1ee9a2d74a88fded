import type { Command } from '@stricli/core'
import { askCall, type CallFailure } from '../control/control.ts'
import { CliError, EXIT, paint, print, say, readInput, type Shell } from '../shell.ts'
import type { chooseCall } from './choose-call.ts'
import { byFlag, defineCommand, dataFlag, directoryOf, parsedFlag, textFlag, whoIs } from './parameters.ts'

type Flags = { readonly data?: string; readonly timeout?: number; readonly idempotencyKey?: string; readonly by?: string }

export const callCommand: Command<Shell> = defineCommand({
  brief: 'Call an operation of a running system',
  help: `
        Calls an operation of the system that runs on a data directory, through its control socket. The input is JSON, or - to
        read it from standard input. The answer is printed as JSON; a stream one value a line. A failed call prints its code
        and reason, and exits with 1.`,
  examples: [`dure call orders.find '{"id": 7}'`, 'dure call orders.place - < order.json', 'dure call orders.watch | head -3'],
  flags: {
    data: dataFlag,
    timeout: parsedFlag(seconds, 'SECONDS', 'How long the call may take'),
    idempotencyKey: textFlag('KEY', 'Makes a repeated command happen once'),
    by: byFlag,
  },
  positional: {
    kind: 'tuple',
    parameters: [
      { parse: String, optional: true, placeholder: 'service.operation', brief: 'What to call; asked for at a terminal' },
      { parse: String, optional: true, placeholder: 'input', brief: 'JSON, or - for standard input' },
    ],
  },
  async func(this: Shell, flags: Flags, given?: string, json?: string): Promise<void> {
    const directory = directoryOf(this, flags)
    const { name, input: text } = given === undefined ? await choose(this, directory) : { name: given, input: json }
    const [service = '', operation = '', ...rest] = name.split('.')
    if (service === '' || operation === '' || rest.length > 0) {
      throw new CliError(`Cannot call "${name}": write service.operation, such as orders.find`, { exitCode: EXIT.misuse })
    }
    const input = text === undefined ? undefined : parseInput(text === '-' ? await readInput(this) : text, text)
    const { timeout, idempotencyKey } = flags
    const call = { service, operation, input, timeout, idempotencyKey, by: whoIs(flags.by) }
    for await (const line of askCall(directory, call)) {
      if ('error' in line) return fail(this, name, line.error)
      // A single value is for reading; of a stream, a line each.
      if ('value' in line) print(this, JSON.stringify(line.value, undefined, line.stream === true ? undefined : 2))
    }
  },
})

async function choose(shell: Shell, directory: string): ReturnType<typeof chooseCall> {
  if (!shell.interactive)
    throw new CliError('Cannot call nothing: write service.operation, such as orders.find', { exitCode: EXIT.misuse })
  // Prompts are loaded only where somebody can answer them.
  const prompts = await import('./choose-call.ts')
  return prompts.chooseCall(directory)
}

function fail(shell: Shell, name: string, failure: CallFailure): void {
  say(shell, `${paint(shell, 'red', `${name} failed: ${failure.code}`)}\n  ${failure.message}`)
  const issues = (failure.issues ?? []).map(({ path, message }) => `${pathText(path)}: ${message}`)
  // The message itself may name the first of them.
  for (const issue of issues) if (!failure.message.includes(issue)) say(shell, `  ${issue}`)
  if (failure.data !== undefined) say(shell, `  data: ${JSON.stringify(failure.data)}`)
  const { suggestions = [] } = failure
  if (suggestions.length > 0) say(shell, `  Did you mean ${suggestions.join(' or ')}?`)
  else if (failure.code === 'UNIMPLEMENTED') say(shell, '  See "dure list --data DIR" for what there is.')
  shell.process.exitCode = EXIT.failed
}

const pathText = (path: readonly (string | number)[]): string =>
  path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`),
    '',
  ) || '(input)'

function parseInput(text: string, given: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const where = given === '-' ? 'standard input' : 'the input'
    throw new CliError(`Cannot read ${where} as JSON: ${(cause as Error).message}`, { exitCode: EXIT.misuse, cause })
  }
}

function seconds(text: string): number {
  const value = Number(text)
  if (!Number.isFinite(value) || value <= 0) throw new Error(`"${text}" is not a positive number of seconds`)
  return value * 1000
}
