import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CliError } from '../../shell.ts'

/** Opens a text in the user's editor and gives what became of it. The file is the user's alone, and gone afterwards. */
export async function editText(options: {
  readonly name: string
  readonly text: string
  readonly env: Readonly<Partial<Record<string, string>>>
}): Promise<string> {
  const { name, text, env } = options
  const editor = env['VISUAL'] || env['EDITOR'] || (process.platform === 'win32' ? 'notepad' : 'vi')
  const folder = mkdtempSync(join(tmpdir(), 'dure-edit-'))
  try {
    const file = join(folder, name.replaceAll(/[^\w.-]/g, '_'))
    writeFileSync(file, text, { mode: 0o600 })
    // Editors are named with their options, as in "code --wait"; git runs them in the same way.
    const { status, error } = spawnSync(`${editor} "${file}"`, { shell: true, stdio: 'inherit' })
    if (error !== undefined || status !== 0) {
      throw new CliError(
        `Cannot edit with "${editor}": ${error?.message ?? `it ended with code ${status}`}; set EDITOR to another`,
      )
    }
    return readFileSync(file, 'utf8')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
