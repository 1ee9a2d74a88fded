import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { CreateError } from './errors.ts'
import { RECORD } from './project.ts'

/** What may stand in a folder that counts as empty. */
const NOTHING = ['.git', '.DS_Store', '.idea', '.vscode', 'Thumbs.db']

/**
 * Writes files into a folder, which it makes: all of them, or none.
 * @param options.files contents by path, with `/` between folders
 * @param options.made what is noted beside the hash of each file
 * @throws {CreateError} when the folder is not empty, or cannot be written
 */
export function writeProject({
  folder,
  files,
  made,
}: {
  readonly folder: string
  readonly files: Readonly<Record<string, string>>
  readonly made: Readonly<Record<string, string>>
}): void {
  checkEmpty(folder)
  const first = firstMissing(folder)
  let beside: string | undefined
  const moved: string[] = []
  try {
    mkdirSync(folder, { recursive: true })
    // Written beside what is to be, so that a full disk leaves nothing; the moves that follow need no room.
    beside = mkdtempSync(join(folder, '.create-dure-'))
    for (const [path, text] of Object.entries({ ...files, [RECORD]: recordOf(files, made) })) {
      mkdirSync(dirname(join(beside, path)), { recursive: true })
      writeFileSync(join(beside, path), text)
    }
    for (const entry of readdirSync(beside)) {
      renameSync(join(beside, entry), join(folder, entry))
      moved.push(entry)
    }
    rmSync(beside, { recursive: true })
  } catch (error) {
    for (const entry of [...moved.map((name) => join(folder, name)), beside, first]) {
      if (entry !== undefined) rmSync(entry, { recursive: true, force: true })
    }
    throw new CreateError(
      `Cannot write the project to "${folder}": ${(error as Error).message}. Nothing was left there; mend that and call it again.`,
      { cause: error },
    )
  }
}

function checkEmpty(folder: string): void {
  if (!existsSync(folder)) return
  if (!statSync(folder).isDirectory()) {
    throw new CreateError(`Cannot make a project at "${folder}": a file of that name is there. Say another folder.`)
  }
  const there = readdirSync(folder).filter((entry) => !NOTHING.includes(entry))
  if (there.length === 0) return
  const some = there.slice(0, 3).join(', ')
  throw new CreateError(
    `Cannot make a project in "${folder}": it is not empty (${some}${there.length > 3 ? `, and ${there.length - 3} more` : ''}). Say a folder that is empty or not there yet.`,
  )
}

/** The topmost folder that has to be made, and goes again when nothing comes of it. */
function firstMissing(folder: string): string | undefined {
  if (existsSync(folder)) return undefined
  const above = dirname(folder)
  return above === folder ? folder : (firstMissing(above) ?? folder)
}

function recordOf(files: Readonly<Record<string, string>>, made: Readonly<Record<string, string>>): string {
  const hashes = Object.entries(files).map(([path, text]) => [path, createHash('sha256').update(text).digest('hex')])
  return `${JSON.stringify({ ...made, files: Object.fromEntries(hashes) }, null, 2)}\n`
}
