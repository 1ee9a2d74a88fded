/** A configuration server that clients of Spring Cloud Config use as they are, and settings from a server of Spring's. */
export {
  configServer,
  startConfigServer,
  type ConfigServerLimits,
  type ConfigServerOptions,
  type StartedConfigServer,
} from './started.ts'
export type { Credentials } from './server.ts'
export { folderRepository } from './repositories/folder.ts'
export { gitRepository, type GitRepositoryOptions } from './repositories/git.ts'
export { sqliteRepository } from './repositories/sqlite.ts'
export type { OpenRepository } from './repositories/repository.ts'
export { springConfig, type SpringConfigOptions } from './spring-config.ts'
