import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { missingServer, serverPlaces, type ServerKind } from '@dure/testing/servers'

/** A way to bring one server's programs into a folder; says why not where it cannot. */
type Way = (folder: string, version: string) => string | undefined

/** Each from where its makers publish it: a module, artifacts, packages of a system. */
const ways: Readonly<Record<ServerKind, Way>> = {
  nats: (folder, version) => {
    if (!runs('go', ['version'])) return 'needs Go 1.25 or newer, which is not here'
    const env = { ...process.env, GOBIN: folder, GOFLAGS: '-trimpath' }
    return run(['go', 'install', `github.com/nats-io/nats-server/v2@v${version}`], env)
  },
}

export const brokers: readonly {
  readonly name: string
  readonly there: () => boolean
  readonly install: () => Promise<string>
}[] = Object.entries(serverPlaces()).map(([kind, { folder, version }]) => ({
  name: kind,
  there: () => missingServer(kind as ServerKind) === false,
  install: async () => {
    // What was broken off is no server.
    const draft = `${folder}.${process.pid}`
    mkdirSync(dirname(folder), { recursive: true })
    mkdirSync(draft)
    try {
      const failure = ways[kind as ServerKind](draft, version)
      if (failure !== undefined) return failure
      rmSync(folder, { recursive: true, force: true })
      renameSync(draft, folder)
      return missingServer(kind as ServerKind) === false ? 'installed' : `"${folder}" was installed, and lacks its program`
    } finally {
      if (existsSync(draft)) rmSync(draft, { recursive: true, force: true })
    }
  },
}))

function runs(program: string, words: readonly string[]): boolean {
  return spawnSync(program, words, { stdio: 'ignore' }).status === 0
}

function run([program, ...words]: readonly string[], env: NodeJS.ProcessEnv = process.env): string | undefined {
  const { status } = spawnSync(program!, words, { stdio: ['ignore', 'ignore', 'inherit'], env })
  return status === 0 ? undefined : `could not be installed: "${[program, ...words].slice(0, 4).join(' ')}" failed`
}
