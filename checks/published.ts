/**
 * `npm run check:packages`: builds and packs what is published, and has publint and are-the-types-wrong look at
 * the tarballs, as a user would get them.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packAll, type Packed } from './packaging/pack.ts'
import { run, runTool } from './shell.ts'

/** @returns what is wrong, in words, and how many packages were looked at */
export async function checkPublished(): Promise<{ readonly packages: number; readonly problems: readonly string[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'dure-pack-'))
  try {
    const packed = await packAll(folder)
    const problems: string[] = []
    for (const each of packed) problems.push(...(await lookAt(each)))
    return { packages: packed.length, problems }
  } catch (error) {
    return { packages: 0, problems: [(error as Error).message] }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function lookAt({ name, file }: Packed): Promise<readonly string[]> {
  const listed = await run('tar', ['-tzf', file])
  const strays = listed.output.split('\n').filter((line) => /\.(test|test-support|map)\b|tsconfig|\/src\//.test(line))
  const lacking = ['README.md', 'LICENSE'].filter((wanted) => !listed.output.includes(`package/${wanted}\n`))
  const publint = await runTool('publint/src/cli.js', ['run', file, '--strict'])
  const attw = await runTool('@arethetypeswrong/cli/dist/index.js', [file, '--profile', 'esm-only', '--no-emoji'])
  return [
    ...(strays.length > 0 ? [`"${name}" would publish what no user needs:\n${strays.join('\n')}`] : []),
    ...(lacking.length > 0 ? [`"${name}" would be published without ${lacking.join(' and ')}.`] : []),
    ...(publint.code !== 0 ? [`publint on "${name}":\n${publint.output}`] : []),
    ...(attw.code !== 0 ? [`are-the-types-wrong on "${name}":\n${attw.output}`] : []),
  ]
}

if (import.meta.main) {
  const { packages, problems } = await checkPublished()
  for (const problem of problems) console.error(problem)
  if (packages > 0 && problems.length === 0) console.log(`${packages} packages are as their users expect them.`)
  process.exitCode = packages > 0 && problems.length === 0 ? 0 : 1
}
