import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Installs what benchmarks compare with, the first time. The peers are dependencies of `bench/` alone, so that
 * nobody who wants to use or test Dure installs them.
 * @throws when npm fails; what it had begun is taken away, so that the next run begins anew
 */
export async function installPeers(folder: string, report: (line: string) => void): Promise<void> {
  const modules = join(folder, 'node_modules')
  if (existsSync(modules)) return
  report('Installing what the benchmarks compare with (the first time only) …')
  const begun = performance.now()
  const ticking = setInterval(() => report(`  still installing, ${Math.round((performance.now() - begun) / 1000)} s`), 5_000)
  try {
    const command = existsSync(join(folder, 'package-lock.json')) ? 'ci' : 'install'
    const code = await new Promise<number | null>((resolve, reject) => {
      const child = spawn('npm', [command, '--loglevel=error', '--no-audit', '--no-fund'], {
        cwd: folder,
        stdio: ['ignore', 'inherit', 'inherit'],
      })
      child.on('error', reject)
      child.on('close', resolve)
    })
    if (code !== 0) throw new Error(`npm ${command} ended with code ${code}`)
  } catch (error) {
    rmSync(modules, { recursive: true, force: true })
    throw new Error(
      `Cannot install the benchmarks’ peers in "${folder}": ${(error as Error).message}. Is the package registry in reach?`,
      {
        cause: error,
      },
    )
  } finally {
    clearInterval(ticking)
  }
}

/** Sets up by commands what npm does not bring, the first time. Whether it is there now; what was begun and failed is taken away. */
export function installOnce(
  folder: string,
  progress: (line: string) => void,
  steps: () => readonly (readonly string[])[],
): boolean {
  const mark = join(folder, 'installed')
  if (existsSync(mark)) return true
  progress(`Installing ${folder} (the first time only) …`)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const all = steps()
  const done = all.every(([program, ...words]) => {
    const { status, error } = spawnSync(program!, words, { stdio: ['ignore', 'ignore', 'inherit'] })
    return error === undefined && status === 0
  })
  if (done) writeFileSync(mark, '')
  else rmSync(folder, { recursive: true, force: true })
  return done
}
