import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Seeding } from './seed.ts'

/** What a data directory says of its generated data. */
export type SeedRecord = Seeding & { readonly done: boolean }

const fileOf = (directory: string): string => join(directory, 'seed.json')

/** Reads the record; undefined when the directory has none. @throws {Error} when it cannot be read */
export async function readRecord(directory: string): Promise<SeedRecord | undefined> {
  const file = fileOf(directory)
  try {
    return JSON.parse(await readFile(file, 'utf8')) as SeedRecord
  } catch (cause) {
    if ((cause as { code?: string }).code === 'ENOENT') return undefined
    throw new Error(
      `Cannot read "${file}": ${(cause as Error).message}. To do: remove it; what is missing is generated, what is there is kept`,
      { cause },
    )
  }
}

/** Written under another name and renamed, so that it is there whole or not at all. */
export async function writeRecord(directory: string, record: SeedRecord): Promise<void> {
  const file = fileOf(directory)
  await writeFile(`${file}.new`, `${JSON.stringify(record)}\n`)
  await rename(`${file}.new`, file)
}
