import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { hashOf, readRecord, RECORD } from '../record.ts'
import { CliError } from '../shell.ts'
import { eolOf } from './edits.ts'
import type { Project } from './project.ts'

/** A change to a file that somebody wrote. */
export type Edit = {
  readonly file: string
  /** Where in it, in words that a person finds it by. */
  readonly place: string
  readonly put: string
  /** The text with the change; undefined when the place is not there. */
  readonly change: (text: string) => string | undefined
}

/** What is to be done, all of it or nothing. */
export type Plan = {
  /** Such as `the operation "rename" to "notes"`. */
  readonly what: string
  readonly files: Readonly<Record<string, string>>
  readonly edits: readonly Edit[]
  /** What its author does next. */
  readonly next: string
}

/** What became of the files. */
export type Done = { readonly made: readonly string[]; readonly changed: readonly string[] }

/**
 * Does what is planned and notes it in the project's record.
 * @throws {CliError} with what to put where, when a place is not found; nothing is written then, nor when a write fails
 */
export function carryOut(plan: Plan, project: Project, version: string): Done {
  const record = readRecord(project.root)
  if (record === 'broken')
    throw new CliError(
      `Cannot add ${plan.what}: "${RECORD}" is no JSON. Take it back from version control, or delete it; nothing was written.`,
    )
  const there = Object.keys(plan.files).find((file) => existsSync(file))
  if (there !== undefined)
    throw new CliError(`Cannot add ${plan.what}: "${project.shown(there)}" is there already. Nothing was written.`)
  const texts = new Map<string, string>()
  for (const edit of plan.edits) {
    const text = edit.change(texts.get(edit.file) ?? readFileSync(edit.file, 'utf8'))
    if (text === undefined) throw byHand(plan, edit, project)
    texts.set(edit.file, text)
  }
  checkParse(texts, plan, project)
  const eol = eolOf(project.system.text)
  for (const [file, text] of Object.entries(plan.files)) texts.set(file, text.replaceAll('\n', eol))
  const noted: Record<string, string> = { ...record?.files }
  for (const [file, text] of texts) {
    const path = project.shown(file)
    // What its author has changed since stays known as such.
    const own = existsSync(file) && noted[path] !== hashOf(readFileSync(file, 'utf8'))
    if (!own) noted[path] = hashOf(text)
  }
  const made = { version, lang: project.lang, ...record, files: noted }
  writeAll(new Map([...texts, [join(project.root, RECORD), `${JSON.stringify(made, undefined, 2)}\n`]]), plan.what)
  return {
    made: Object.keys(plan.files).map(project.shown),
    changed: [...new Set(plan.edits.map(({ file }) => project.shown(file)))],
  }
}

function byHand({ what, files, edits }: Plan, missing: Edit, { shown }: Project): CliError {
  const indented = (text: string): string => text.trimEnd().replaceAll(/^(?=.)/gm, '    ')
  const all = [
    ...edits.map(({ file, place, put }) => `${shown(file)}, ${place}:\n${indented(put)}`),
    ...Object.entries(files).map(([file, text]) => `${shown(file)}, a new file:\n${indented(text)}`),
  ]
  return new CliError(
    `Cannot add ${what}: the place in "${shown(missing.file)}" (${missing.place}) is not there, or not in a form that can be added to. Nothing was written; put this there yourself:\n\n${all.join('\n\n')}`,
  )
}

/** In a process of its own, so that what Node says of a function that may change is not heard. */
const PARSE = `const { stripTypeScriptTypes } = require('node:module')
for (const [file, text] of JSON.parse(require('node:fs').readFileSync(0, 'utf8'))) {
  try {
    stripTypeScriptTypes(text)
  } catch (error) {
    process.stdout.write(JSON.stringify([file, error.message]))
    break
  }
}`

function checkParse(texts: ReadonlyMap<string, string>, { what }: Plan, { shown }: Project): void {
  const words = ['--disable-warning=ExperimentalWarning', '--eval', PARSE]
  const { stdout } = spawnSync(process.execPath, words, { input: JSON.stringify([...texts]), encoding: 'utf8' })
  if (stdout === '') return
  const [file, message] = JSON.parse(stdout) as [string, string]
  throw new CliError(
    `Cannot add ${what}: "${shown(file)}" would not be TypeScript that Node runs (${message.split('\n')[0]}). Mend what is wrong in it, and call this again; nothing was written.`,
  )
}

/** All files, or none: written beside first, so that a full disk leaves nothing, then moved. */
function writeAll(texts: ReadonlyMap<string, string>, what: string): void {
  const before = new Map([...texts.keys()].map((file) => [file, existsSync(file) ? readFileSync(file, 'utf8') : undefined]))
  const folders: string[] = []
  const beside = (file: string): string => `${file}.dure-add`
  const [written, moved]: [string[], string[]] = [[], []]
  try {
    for (const [file, text] of texts) {
      const made = mkdirSync(dirname(file), { recursive: true })
      if (made !== undefined) folders.push(made)
      // Half a file is one as well.
      if (!existsSync(beside(file))) written.push(file)
      writeFileSync(beside(file), text)
    }
    for (const file of texts.keys()) {
      moved.push(file)
      renameSync(beside(file), file)
    }
  } catch (cause) {
    for (const file of written) rmSync(beside(file), { force: true })
    for (const file of moved) {
      const text = before.get(file)
      if (text === undefined) rmSync(file, { force: true })
      else if (readFileSync(file, 'utf8') !== text) writeFileSync(file, text)
    }
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
    throw new CliError(
      `Cannot add ${what}: ${(cause as Error).message}. All files are as they were; mend that and call it again.`,
      { cause },
    )
  }
}
