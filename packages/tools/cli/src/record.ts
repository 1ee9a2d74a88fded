import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readJson } from './project.ts'

/** What notes which files of a project were generated. */
export const RECORD = 'dure.created.json'

export type Created = { readonly lang?: unknown; readonly files: Readonly<Record<string, string>> }

/** What was generated; undefined when nothing is noted. */
export function readRecord(project: string): Created | 'broken' | undefined {
  const file = join(project, RECORD)
  if (!existsSync(file)) return undefined
  const read = readJson(file)
  return typeof read?.['files'] === 'object' && read['files'] !== null ? (read as unknown as Created) : 'broken'
}

/** Of a generated file; version control may have changed how its lines end. */
export function hashOf(text: string): string {
  return createHash('sha256').update(text.replaceAll('\r\n', '\n')).digest('hex')
}

/** How many of the files were changed since, and which are gone. */
export function changesSince({ files }: Created, project: string): { readonly gone: readonly string[]; readonly edited: number } {
  const paths = Object.keys(files)
  const gone = paths.filter((path) => !existsSync(join(project, path)))
  const there = paths.filter((path) => !gone.includes(path))
  return { gone, edited: there.filter((path) => hashOf(readFileSync(join(project, path), 'utf8')) !== files[path]).length }
}
