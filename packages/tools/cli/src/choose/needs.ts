/** What is asked of a way to communicate: five criteria. */

/** In both languages of the project. */
export type Text = { readonly en: string; readonly ko: string }
export type Lang = keyof Text

/** What the system is to do for whoever uses it. */
export type Need =
  | 'answer'
  | 'languages'
  | 'browser'
  | 'public'
  | 'screens'
  | 'live'
  | 'both'
  | 'device'
  | 'newest'
  | 'tell'
  | 'work'
  | 'people'
  | 'wsdl'
  | 'thrift'
export const NEEDS: Readonly<Record<Need, Text>> = {
  answer: { en: 'somebody asks, and waits for the answer', ko: '누가 묻고 답을 기다린다' },
  languages: { en: 'your own programs in other languages call it', ko: '다른 언어로 된 우리 프로그램이 부른다' },
  browser: { en: 'a page in a browser calls it directly', ko: '브라우저의 페이지가 직접 부른다' },
  public: { en: 'programs of people you do not know call it', ko: '모르는 이들의 프로그램이 부른다' },
  screens: {
    en: 'clients pick fields of several services in one request',
    ko: '클라이언트가 요청 하나로 여러 서비스의 필드를 골라 받는다',
  },
  live: { en: 'the server goes on sending, without being asked for each', ko: '하나씩 묻지 않아도 서버가 이어서 보낸다' },
  both: {
    en: 'both sides speak at any time, on one connection',
    ko: '연결 하나에서 양쪽이 아무 때나 말한다',
  },
  device: {
    en: 'devices or programs with a bare socket and no library call it',
    ko: '라이브러리 없이 소켓만 있는 장치나 프로그램이 부른다',
  },
  newest: {
    en: 'only the newest value counts; one that is lost is not missed',
    ko: '가장 새 값만 중요하고 잃어버린 값은 아쉽지 않다',
  },
  tell: {
    en: 'whoever is interested is told what has happened; nobody is waited for',
    ko: '일어난 일을 관심 있는 모두에게 알리고, 아무도 기다리지 않는다',
  },
  work: { en: 'work is handed over, and done once, later', ko: '일을 맡기고, 나중에 한 번 처리된다' },
  people: { en: 'a person is written to, or writes', ko: '사람에게 글을 보내거나 사람이 쓴다' },
  wsdl: { en: 'partners have programs that were made from a WSDL', ko: '상대편 프로그램이 WSDL에서 만들어졌다' },
  thrift: { en: 'programs that speak Thrift are there already', ko: 'Thrift를 쓰는 프로그램이 이미 있다' },
}

/** From the least to the most that a team takes upon itself. */
export type Complexity = 'low' | 'medium' | 'high'
export const COMPLEXITY: Readonly<Record<Complexity, Text>> = {
  low: { en: 'what a newcomer knows after a day', ko: '새로 온 사람이 하루면 아는 것' },
  medium: { en: 'a tool or an idea to be learnt, and looked after', ko: '익히고 돌봐야 할 도구나 개념 하나' },
  high: { en: 'what only some of the team will know well', ko: '팀에서 일부만 잘 알게 될 것' },
}

/** From the least to the most. */
export type Independence = 'none' | 'release' | 'time'
export const INDEPENDENCE: Readonly<Record<Independence, Text>> = {
  none: { en: 'both sides may be one process, released together', ko: '양쪽이 한 프로세스여도 되고 함께 배포한다' },
  release: { en: 'each side is released, scaled and restarted alone', ko: '각자 따로 배포하고 늘리고 다시 시작한다' },
  time: { en: 'one side goes on while the other is down', ko: '한쪽이 멈춰 있어도 다른 쪽은 계속한다' },
}

export const COMPLEXITIES: readonly Complexity[] = Object.keys(COMPLEXITY) as Complexity[]
export const INDEPENDENCES: readonly Independence[] = Object.keys(INDEPENDENCE) as Independence[]
export const ALL_NEEDS: readonly Need[] = Object.keys(NEEDS) as Need[]

export type Question = {
  /** Milliseconds within which 99 of 100 must be there, at most; Infinity where nobody minds. */
  readonly responseTime: number
  /** Calls a second at the busiest time, with both sides on one core. */
  readonly throughput: number
  /** What the team takes upon itself, at most. */
  readonly complexity: Complexity
  /** How far the two sides must do without each other, at least. */
  readonly independence: Independence
  readonly needs: readonly Need[]
}

/** Who says nothing asks for an answer, and for nothing else. */
export const PLAIN: Question = {
  responseTime: Infinity,
  throughput: 0,
  complexity: 'high',
  independence: 'none',
  needs: ['answer'],
}
