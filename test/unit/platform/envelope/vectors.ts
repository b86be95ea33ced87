/** A message in clear and encrypted, with all that its encryption and its signature were made from. */
export interface MessageVector {
  readonly encodingAesKey: string;
  readonly token: string;
  readonly receiverId: string;
  readonly random: string;
  readonly message: string;
  readonly encrypt: string;
  readonly timestamp: string;
  readonly nonce: string;
  /** The signature over the encrypted message. */
  readonly signature: string;
}

const SAMPLE = {
  encodingAesKey: 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG',
  token: 'pamtest',
  receiverId: 'wxb11529c136998cb6',
  random: 'aaaabbbbccccdddd',
  timestamp: '1409304348',
  nonce: 'xxxxxx',
};

const CORP = {
  encodingAesKey: 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C',
  token: 'QDG6eK',
  receiverId: 'wx5823bf96d3bd56c7',
};

const DEBUG = { encodingAesKey: 'A'.repeat(43), token: 'AAAAA' };
const DEBUG_COMPONENT = { ...DEBUG, receiverId: 'wx134c8103faa5a59e' };
const DEBUG_MINI_PROGRAM = { ...DEBUG, receiverId: 'wxba5fad812f8e6fb9' };

/**
 * Messages that WeChat's own sample code and pages contain, by what they are. The one of WeChat's sample code whose
 * signature is not published has one that was computed by other code; the ticket is made up, and was too.
 */
export const VECTORS: Readonly<Record<string, MessageVector>> = {
  'the text of the sample code, with Chinese': {
    ...SAMPLE,
    message: '我是中文abcd123',
    encrypt: 'jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmkgczbWwt5+3bnyg5K55bgVtVzd832WzZGMhkP72vVOfg==',
    signature: '82c962d39941aa48552f90ef55aa323dc620cc10',
  },
  'the message of the sample code': {
    ...CORP,
    random: '0960688932c47ef1',
    message: [
      '<xml><ToUserName><![CDATA[wx5823bf96d3bd56c7]]></ToUserName>',
      '<FromUserName><![CDATA[mycreate]]></FromUserName>',
      '<CreateTime>1409659813</CreateTime>',
      '<MsgType><![CDATA[text]]></MsgType>',
      '<Content><![CDATA[hello]]></Content>',
      '<MsgId>4561255354251345929</MsgId>',
      '<AgentID>218</AgentID>',
      '</xml>',
    ].join('\n'),
    encrypt:
      'RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo+rtK1I9qca6aM/wvqnLSV5zEPeusUiX5L5X/0lWfrf0QADHHhGd3QczcdCUpj911L3vg3W/sYYvuJTs3TUUkSUXxaccAS0qhxchrRYt66wiSpGLYL42aM6A8dTT+6k4aSknmPj48kzJs8qLjvd4Xgpue06DOdnLxAUHzM6+kDZ+HMZfJYuR+LtwGc2hgf5gsijff0ekUNXZiqATP7PF5mZxZ3Izoun1s4zG4LUMnvw2r+KqCKIw+3IQH03v+BCA9nMELNqbSf6tiWSrXJB3LAVGUcallcrw8V2t9EL4EhzJWrQUax5wLVMNS0+rUPA3k22Ncx4XXZS9o0MBH27Bo6BpNelZpS+/uh9KsNlY6bHCmJU9p8g7m3fVKn28H3KDYA5Pl/T8Z1ptDAVe0lXdQ2YoyyH2uyPIGHBZZIs2pDBS8R07+qN+E7Q==',
    timestamp: '1409659813',
    nonce: '1372623149',
    signature: '477715d11cdb4164915debcba66cb864d751f3e6',
  },
  'the echostr of the sample code': {
    ...CORP,
    random: 'c41b64491c2468d0',
    message: '1616140317555161061',
    encrypt: 'P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ==',
    timestamp: '1409659589',
    nonce: '263014780',
    signature: '5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3',
  },
  'a ticket of a platform': {
    ...SAMPLE,
    message:
      '<xml><AppId><![CDATA[wxb11529c136998cb6]]></AppId><CreateTime>1413192605</CreateTime><InfoType><![CDATA[component_verify_ticket]]></InfoType><ComponentVerifyTicket><![CDATA[ticket@@@TESTTICKET]]></ComponentVerifyTicket></xml>',
    encrypt:
      'jn1L23DB+6ELqJ+6bruv25KMzfZCJby+Bs65SdTY74Zi57RlcWWeXg5BEb+dZr9vMhDjYE/aUgPqYvFPogFPPiqqLQ19N+9dzM7u8Pt1J6x0E36wowxd6JIAZIfHz0irq6Fe7UR5SDqAaPckGcT/p4mhzU3qxxGoxsVDwawlBFTeRkM0RdxdZf28fGVVp+I475+UJMV3L/64KVdoQXWvJFMVJQn5zNNqYVdNRxMYZ9KJ1iR9cAiMy6up4u7sShEgd+eMwVviNEGPLpSliGKpU7VovK+oa7fEBoLd19fIM584cKhx2MZzlVHKTbFLPkdupZ+ZktE5PZMJgCFWIaRkokeqc5zxFvviAA4oaI4LYdtqf0r//Y6g3BpaKg4wb5b/',
    signature: '0aaffa750b3d315ef648f4b332a41583375794bc',
  },
  'the push of the page for platforms': {
    ...DEBUG_COMPONENT,
    random: '1205899eaf019bbd',
    message: [
      '<xml><ToUserName><![CDATA[gh_97417a04a28d]]></ToUserName>',
      '<FromUserName><![CDATA[o9AgO5Kd5ggOC-bXrbNODIiE3bGY]]></FromUserName>',
      '<CreateTime>1715943329</CreateTime>',
      '<MsgType><![CDATA[event]]></MsgType>',
      '<Event><![CDATA[debug_demo]]></Event>',
      '<debug_str><![CDATA[hello world]]></debug_str>',
      '</xml>',
    ].join('\n'),
    encrypt:
      'D7yzvUNAL930rd28wf21s4hvXhz0L6Uit/p2Di6C5DHyYGpEgdBRnKjBec34JwoQXicwaZC7fOVihW80F4VtsdvE//1vr7oAbqjDv8KenVp+ajKYpJnyQ4zMRhIC+a31fCVOMC03FfzV/QuC94kBP55a+Za3sJgvAn+ZbsNqZI5DkyuzkhQN8OBqCzFhizGmy0xpM0MEA4agpvE+RuNO1rhHTtuJB5yltw1FiYzecSXJ+y/D2r81VkRn2eYjh2ltsoyfbDR7Is6ookXIFxTfyeNyeHxMeT4KN5WpCDmSbTcUYrbBUlkGLJ9n/rU8YOywma6G7aTb7KZKOqCxgfoUlYEZPk4FUL/TK7ShriFDMVCLyjQJ15Ob++agDWtcxhfUfe6HIoIpRW8mKNBQiY/Jd1svvuskA1wLef1RTtzKfMpagSCX/laZINmdnX4zrF6kIaR9P4xQrWXbsTFHTYe0Mg==',
    timestamp: '1715943329',
    nonce: '1590219412',
    signature: '6c12a4205838198b8fa631b3220723bb07f1015c',
  },
  'the reply of the page for platforms': {
    ...DEBUG_COMPONENT,
    random: '999951349e8ee746',
    message: '<xml><demo_resp>[CDATA[good luck]]</demo_resp></xml>',
    encrypt:
      'hE8R6mGXHkJJjU72KxzKUd1GEkKJaEZq7vRL8XgK3o+00k8JGq6+pZJUIlTSyhsX+bxIBQ72g3GyvDdIZcr6+3HAZbSvPT9t/o11MI7d6WELwqrGd7jMnV0zv3Zc9Nq7',
    timestamp: '1713424427',
    nonce: '415670741',
    signature: '03e0812039325c2712ef5f0f980fd14c70d6e307',
  },
  'the push of the page for mini programs and shops': {
    ...DEBUG_MINI_PROGRAM,
    random: 'a8eedb185eb2fecf',
    message:
      '{"ToUserName":"gh_97417a04a28d","FromUserName":"o9AgO5Kd5ggOC-bXrbNODIiE3bGY","CreateTime":1714112445,"MsgType":"event","Event":"debug_demo","debug_str":"hello world"}',
    encrypt:
      '+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzazhZv6JsXUnnR8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY2km32IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04=',
    timestamp: '1714112445',
    nonce: '415670741',
    signature: '046e02f8204d34f8ba5fa3b1db94908f3df2e9b3',
  },
  'the reply of the page for mini programs and shops': {
    ...DEBUG_MINI_PROGRAM,
    random: '707722b803182950',
    message: '{"demo_resp":"good luck"}',
    encrypt: 'ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ==',
    timestamp: '1713424427',
    nonce: '415670741',
    signature: '1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1',
  },
};

/** Signatures of WeChat's pages that cover no message, with the token AAAAA. */
export const PLAIN_SIGNATURES = [
  { timestamp: '1715943329', nonce: '1590219412', signature: 'cc0c594499c1634947d5b502f158ee518947db27' },
  { timestamp: '1714036504', nonce: '1514711492', signature: 'f464b24fc39322e44b38aa78f5edd27bd1441696' },
  { timestamp: '1714037059', nonce: '486452656', signature: '899cf89e464efb63f54ddac96b0a0a235f53aa78' },
] as const;
