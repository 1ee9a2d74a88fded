/** What is changed of the fields of a message on its way. */
export type Edits = {
  /** Names in lower case that are left out: few, so that a list is quicker than a set. */
  readonly removed: string[]
  /** Lines that are put in, each with its end. */
  added: string
}

export const createEdits = (): Edits => ({ removed: [], added: '' })

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const WRONG_VALUE = /[^\t\u0020-\u007e\u0080-\u00ff]/

/** Says what a message is or where it ends: the gateway's own. */
const OWN: ReadonlySet<string> = new Set([
  ...['content-length', 'transfer-encoding', 'connection', 'keep-alive', 'upgrade', 'te', 'trailer', 'proxy-connection'],
])

/** @throws {TypeError} when a field cannot be of this name, or have this value */
export function checkField(name: string, value: string): void {
  const no = (why: string): never => {
    throw new TypeError(`Cannot use the field "${name.slice(0, 80)}": ${why}`)
  }
  if (!NAME.test(name)) no('it is no name of a field')
  if (OWN.has(name.toLowerCase())) no('it says how a message travels, which the gateway does itself')
  if (WRONG_VALUE.test(value)) no('its value has a character that none may have')
}

export function addField(edits: Edits, name: string, value: string): void {
  checkField(name, value)
  edits.added += `${name}: ${value}\r\n`
}

export function removeField(edits: Edits, name: string): void {
  const lower = name.toLowerCase()
  if (OWN.has(lower)) checkField(name, '')
  if (!edits.removed.includes(lower)) edits.removed.push(lower)
  if (edits.added !== '')
    edits.added = edits.added
      .split('\r\n')
      .filter((line) => line !== '' && line.slice(0, line.indexOf(':')).toLowerCase() !== lower)
      .map((line) => `${line}\r\n`)
      .join('')
}

/** The only one of its name. @throws {TypeError} when a field cannot be of this name, or have this value */
export function setField(edits: Edits, name: string, value: string): void {
  checkField(name, value)
  removeField(edits, name)
  edits.added += `${name}: ${value}\r\n`
}

const lineOf = (line: string): readonly [name: string, value: string] => {
  const colon = line.indexOf(':')
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 2)]
}

const addedLines = ({ added }: Edits): readonly string[] => (added === '' ? [] : added.slice(0, -2).split('\r\n'))

/** Names of what is put in, in lower case. */
export const addedNames = (edits: Edits | undefined): readonly string[] =>
  edits === undefined ? [] : addedLines(edits).map((line) => lineOf(line)[0])

/** A field as it is passed on: as it came if it is not left out, and as it was put in; of several, all. */
export function editedField(edits: Edits | undefined, name: string, came: string | undefined): string | undefined {
  if (edits === undefined) return came
  const values = addedLines(edits).flatMap((line) => {
    const [each, value] = lineOf(line)
    return each === name ? [value] : []
  })
  if (came !== undefined && !edits.removed.includes(name)) values.unshift(came)
  return values.length === 0 ? undefined : values.join(', ')
}
