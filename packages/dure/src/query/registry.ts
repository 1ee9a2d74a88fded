import { CallError } from '../contract/contract.ts'
import type { ExtensionHost } from '../service/internal.ts'
import type { ModelVersion } from './model.ts'
import { POSITIONS } from './positions.ts'
import { historyOf, type Build } from './projection.ts'

/** In the store of the service: which build of a model is served, which was before, and the newest that ever was; and all that were begun. */
export const REGISTRY: string = `
  CREATE TABLE dure_models (name TEXT PRIMARY KEY, serving INTEGER NOT NULL, previous INTEGER, newest INTEGER NOT NULL);
  CREATE TABLE dure_model_builds (
    name TEXT NOT NULL, build INTEGER NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (name, build)
  );
  ${POSITIONS}`

/** What is known of a model. */
export type Row = { readonly serving: number; readonly previous: number | null; readonly newest: number }

export async function buildsOf({ store }: ExtensionHost, name: string): Promise<readonly Build[]> {
  const rows = await store.select('SELECT build, version FROM dure_model_builds WHERE name = ? ORDER BY build', [name])
  return rows.map(({ build, version }) => ({ build: Number(build), version: Number(version) }))
}

export async function rowOf({ store }: ExtensionHost, name: string): Promise<Row> {
  const [row] = await store.select('SELECT serving, previous, newest FROM dure_models WHERE name = ?', [name])
  const { serving, previous, newest } = row!
  return { serving: Number(serving), previous: previous === null ? null : Number(previous), newest: Number(newest) }
}

/** A build that another copy begins at the same moment is the same one. */
export async function addBuild(host: ExtensionHost, { name, version }: ModelVersion): Promise<void> {
  const next = Math.max(0, ...(await buildsOf(host, name)).map(({ build }) => build)) + 1
  const add = 'INSERT INTO dure_model_builds (name, build, version) VALUES (?, ?, ?) ON CONFLICT (name, build) DO NOTHING'
  await host.store.transaction((tx) => tx.run(add, [name, next, version]), { isolated: false })
}

/** Sees to it that each version has a build, and that what is served can be. */
export async function register(host: ExtensionHost, versions: readonly ModelVersion[]): Promise<Row> {
  const { name } = versions[0]!
  for (const model of versions) {
    const builds = await buildsOf(host, name)
    if (builds.some(({ version }) => version === model.version)) continue
    if (builds.length > 0) await checkRebuild(host, model)
    await addBuild(host, model)
  }
  const first = 'INSERT INTO dure_models (name, serving, newest) VALUES (?, 1, 1) ON CONFLICT (name) DO NOTHING'
  await host.store.transaction((tx) => tx.run(first, [name]), { isolated: false })
  const row = await rowOf(host, name)
  const builds = await buildsOf(host, name)
  const isKnown = (number: number | null): boolean => {
    const build = builds.find((one) => one.build === number)
    return versions.some(({ version }) => version === build?.version)
  }
  if (isKnown(row.serving) || isKnown(row.previous)) return row
  const served = builds.find(({ build }) => build === row.serving)!
  throw new CallError(
    'FAILED_PRECONDITION',
    `Starting service "${host.service}" failed: its read model "${name}" is served in version ${served.version}, and this release knows ${versions.map(({ version }) => version).join(', ')} alone. To do: list version ${served.version} as \`before\` until the new one has taken its place`,
  )
}

/** @throws {CallError} FAILED_PRECONDITION when what is older than the broker keeps would be missing */
export async function checkRebuild({ broker }: ExtensionHost, model: ModelVersion): Promise<void> {
  for (const { name, topic, retention } of model.from) {
    if (historyOf(model, topic) !== undefined) continue
    const retained = await broker.retention(topic)
    if (retained === Infinity && retention?.bytes === Infinity) continue
    const days = retained === Infinity ? 'its newest bytes alone' : `messages for ${Math.round(retained / 86_400_000)} days`
    throw new CallError(
      'FAILED_PRECONDITION',
      `Building read model "${model.name}" anew failed: topic "${topic}" keeps ${days}, so all that is older would be missing from it. To do: give the model the history of "${name}" (\`histories\`), or have its topic keep everything (\`retention: { ms: Infinity, bytes: Infinity }\`)`,
    )
  }
}
