/** Pacts in files. */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { PactError, readPact, refuseTooLarge, type Pact } from '../pact/pact.ts'

export type PactFile = {
  readonly file: string
  /** Of its bytes: what a result is about. */
  readonly sha256: string
  readonly pact: Pact
}

/**
 * Reads pacts: files, and all `.json` in folders.
 * @throws {PactError} for one that is not there, or cannot be read
 */
export function readPacts(places: readonly string[]): readonly PactFile[] {
  const files = places.flatMap((place) => {
    if (!existsSync(place)) throw new PactError(`Cannot read pacts in "${place}": there is no such file or folder`)
    if (!statSync(place).isDirectory()) return [place]
    const inside = readdirSync(place)
      .filter((name) => name.endsWith('.json'))
      .sort()
    return inside.map((name) => join(place, name))
  })
  return files.map((file) => {
    refuseTooLarge(statSync(file).size, file)
    const bytes = readFileSync(file)
    return { file, sha256: createHash('sha256').update(bytes).digest('hex'), pact: readPact(bytes, file) }
  })
}
