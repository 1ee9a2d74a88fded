import { CliError, EXIT } from '../shell.ts'

/** Words that a generated file already means something by, or that no constant may be called. */
const TAKEN = new Set(
  (
    'arguments async await break case catch class const continue debugger default delete do else enum eval export extends false ' +
    'finally for function if implements import in instanceof interface let new null of package private protected public return ' +
    'static super switch this throw true try typeof undefined var void while with yield ' +
    'assert command contract database event query service system test tidy insertEntry listEntries'
  ).split(' '),
)

/** `stock-items` and `stock.items` as a variable: `stockItems`. */
export const variableOf = (name: string): string => name.replaceAll(/[.\-_]+(\w)/g, (_, letter: string) => letter.toUpperCase())

/** As a constant that others import: `StockItems`. */
export function constantOf(name: string): string {
  const variable = variableOf(name)
  return `${variable[0]!.toUpperCase()}${variable.slice(1)}`
}

/** As a part of a path or a table's name. */
export const wordsOf = (name: string, between: '-' | '_'): string =>
  name
    .replaceAll(/(?<=[a-z0-9])[A-Z]/g, (letter) => between + letter)
    .replaceAll(/[.\-_]+/g, between)
    .toLowerCase()

type Kind = 'service' | 'operation' | 'event'

const RULES: Readonly<Record<Kind, readonly [pattern: RegExp, rule: string]>> = {
  service: [/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/, 'small letters, digits and dashes, such as stock-items'],
  operation: [/^[a-z][A-Za-z0-9]*$/, 'letters and digits, a small letter first, such as findAll'],
  event: [/^[a-z][A-Za-z0-9_-]*(?:\.[a-z][A-Za-z0-9_-]*)*$/, 'words with dots between, such as order.placed'],
}

/** @throws {CliError} when it cannot be called so */
export function checkName(kind: Kind, name: string): void {
  const [pattern, rule] = RULES[kind]
  if (!pattern.test(name) || name.length > 60)
    throw new CliError(`Cannot call ${kind === 'service' ? 'a' : 'an'} ${kind} ${JSON.stringify(name)}: take ${rule}`, {
      exitCode: EXIT.misuse,
    })
  if (kind === 'service' && TAKEN.has(variableOf(name)))
    throw new CliError(
      `Cannot call a service "${name}": its files have another use for the word; take another, such as ${name}s`,
      {
        exitCode: EXIT.misuse,
      },
    )
}
