import { spawn } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
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
