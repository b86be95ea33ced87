/** An account of WeChat's own, with which it checks platforms before they are released. */
export interface TestAccount {
  readonly appid: string;
  /** The original id. */
  readonly userName: string;
  readonly kind: 'service' | 'mini-program';
}

/** The accounts of one check. */
export interface TestPair {
  readonly officialAccount: TestAccount;
  readonly miniProgram: TestAccount;
}

/** The pairs of which WeChat draws one for each check. */
export const TEST_PAIRS: readonly TestPair[] = [
  pair('wx570bc396a51b8ff8', 'gh_3c884a361561', 'wxd101a85aa106f53e', 'gh_8dad206e9538'),
  pair('wx9252c5e0bb1836fc', 'gh_c0f28a78b318', 'wxc39235c15087f6f3', 'gh_905ae9d01059'),
  pair('wx8e1097c5bc82cde9', 'gh_3f222ed8d140', 'wx7720d01d4b2a4500', 'gh_393666f1fdf4'),
  pair('wx14550af28c71a144', 'gh_26128078e9ab', 'wx05d483572dcd5d8b', 'gh_39abb5d4e1b7'),
  pair('wxa35b9c23cfe664eb', 'gh_2b3713f184a6', 'wx5910277cae6fd970', 'gh_7818dcb60240'),
];

const ACCOUNTS = new Map(
  TEST_PAIRS.flatMap(({ officialAccount, miniProgram }) => [officialAccount, miniProgram]).map((account) => [
    account.appid,
    account,
  ]),
);

/** Returns the test account with this appid; `undefined` if there is none. */
export function testAccountOf(appid: string): TestAccount | undefined {
  return ACCOUNTS.get(appid);
}

function pair(appid: string, userName: string, miniProgramAppid: string, miniProgramUserName: string): TestPair {
  return {
    officialAccount: { appid, userName, kind: 'service' },
    miniProgram: { appid: miniProgramAppid, userName: miniProgramUserName, kind: 'mini-program' },
  };
}
