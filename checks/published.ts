/**
 * `npm run check:packages`: builds and packs what is published, and has publint and are-the-types-wrong look at
 * the tarballs, as a user would get them.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build, publishedPackages, type Published } from './build.ts'
import { root, run, runTool } from './shell.ts'

/** @returns what is wrong, in words, and how many packages were looked at */
export async function checkPublished(): Promise<{ readonly packages: number; readonly problems: readonly string[] }> {
  const packages = publishedPackages()
  const problems: string[] = []
  const folder = mkdtempSync(join(tmpdir(), 'dure-pack-'))
  // A `dist` left behind would be taken for the truth by what runs from sources here.
  const wereBuilt = new Set(packages.filter(({ path }) => existsSync(join(root, path, 'dist'))))
  try {
    for (const each of packages) {
      try {
        await build(each)
        problems.push(...(await lookAt(each, folder)))
      } catch (error) {
        problems.push((error as Error).message)
      }
    }
  } finally {
    rmSync(folder, { recursive: true })
    for (const each of packages) if (!wereBuilt.has(each)) rmSync(join(root, each.path, 'dist'), { recursive: true, force: true })
  }
  return { packages: packages.length, problems }
}

async function lookAt({ name, path }: Published, folder: string): Promise<readonly string[]> {
  const into = mkdtempSync(join(folder, 'package-'))
  const packed = await run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', into], join(root, path))
  const [tarball] = readdirSync(into)
  if (packed.code !== 0 || tarball === undefined) return [`Cannot pack "${name}":\n${packed.output}`]
  const file = join(into, tarball)
  const listed = await run('tar', ['-tzf', file])
  const strays = listed.output.split('\n').filter((line) => /\.(test|test-support)\.|tsconfig/.test(line))
  const publint = await runTool('publint/src/cli.js', ['run', file, '--strict'])
  const attw = await runTool('@arethetypeswrong/cli/dist/index.js', [file, '--profile', 'esm-only', '--no-emoji'])
  return [
    ...(strays.length > 0 ? [`"${name}" would publish what is only for tests:\n${strays.join('\n')}`] : []),
    ...(publint.code !== 0 ? [`publint on "${name}":\n${publint.output}`] : []),
    ...(attw.code !== 0 ? [`are-the-types-wrong on "${name}":\n${attw.output}`] : []),
  ]
}

if (import.meta.main) {
  const { packages, problems } = await checkPublished()
  for (const problem of problems) console.error(problem)
  if (packages === 0) console.error('Cannot check what is published: no package of the workspace is public.')
  else if (problems.length === 0) console.log(`${packages} packages are as their users expect them.`)
  process.exitCode = packages > 0 && problems.length === 0 ? 0 : 1
}
