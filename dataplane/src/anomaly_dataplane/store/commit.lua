#!lua name=anomaly_pipeline_4
-- Compare and set the state of many series of one partition, append their anomalies, count.
-- docs/commit-protocol.md describes the arguments. No arithmetic on values happens here.
-- A Redis library sees no globals while it loads: those of the loop are looked up at the first call.
local call, byte, sub, unpack, offsets

local function init()
  call, byte, sub, unpack = redis.call, string.byte, string.sub, struct.unpack
  -- Redis takes a Lua string much faster than it formats a number.
  offsets = setmetatable({}, {__index = function(cache, doubles)
    local text = tostring(8 * doubles)
    cache[doubles] = text
    return text
  end})
end

-- KEYS: a state key for each series, then outbox, names, totals.
-- ARGV: TTL ms, outbox length, now ms, samples, outliers, header, then for each series
--   [id, name JSON], its ranges; then the anomalies.
-- header: columns, one after the other: for each series a byte of flags, the 8 bytes that its block
--   must start with, u16 samples and u16 outliers; then u16 offset in doubles of each range but a
--   series' first; then u16 series of each event, and 32768 if it tells that an episode is over.
-- Most series have no flag and one range: the loop is laid out for them.
local TTL, LENGTH, NOW, SAMPLES, OUTLIERS, HEADER, FIRST = 1, 2, 3, 4, 5, 6, 7
local WHOLE, TOUCH, NAMED, RANGE, OVER = 1, 2, 4, 8, 32768

local function commit(keys, args)
  if not call then init() end
  local count = #keys - 3
  local outbox, names, totals = keys[count + 1], keys[count + 2], keys[count + 3]
  local header, at, h = args[HEADER], FIRST, 13 * count + 1
  local refused, refusals = {}, 0
  for i = 1, count do
    local key, flags = keys[i], byte(header, i)
    local last = count + 8 * i
    local expected, found = sub(header, last - 7, last), call('GETRANGE', key, '0', '7')
    local current = found == expected
    if #found < 8 then current = found .. string.rep('\0', 8 - #found) == expected end
    if not current then
      refused[i] = true
      refusals = refusals + 1
    end
    if flags == 0 then
      if current then call('SETRANGE', key, '0', args[at]) end
      at = at + 1
    else
      if flags % 8 >= NAMED then
        if current then call('HSET', names, args[at], args[at + 1]) end
        at = at + 2
      end
      if not current then
        -- Nothing is written of it.
      elseif flags % 2 == WHOLE then
        call('SET', key, args[at], 'PX', args[TTL])
      else
        call('SETRANGE', key, '0', args[at])
        if flags % 4 >= TOUCH then call('PEXPIRE', key, args[TTL]) end
      end
      at = at + 1
      for _ = RANGE, flags, RANGE do
        local offset
        offset, h = unpack('<H', header, h)
        if current then call('SETRANGE', key, offsets[offset], args[at]) end
        at = at + 1
      end
    end
  end
  local raised = 0
  for a = at, #args do
    local i
    i, h = unpack('<H', header, h)
    if not refused[i % OVER + 1] then
      call('XADD', outbox, 'MAXLEN', '~', args[LENGTH], '*', 'anomaly', args[a])
      if i < OVER then raised = raised + 1 end
    end
  end
  local samples, outliers, answer = args[SAMPLES], args[OUTLIERS], {}
  if refusals > 0 then
    for i = 1, count do
      if refused[i] then
        local accepted, out = unpack('<HH', header, 9 * count + 4 * i - 3)
        samples, outliers = samples - accepted, outliers - out
        answer[#answer + 1] = struct.pack('<H', i - 1)
      end
    end
    samples, outliers = tostring(samples), tostring(outliers)
  end
  if samples ~= '0' then
    call('HINCRBY', totals, 'samples', samples)
    call('HSET', totals, 'last_sample_ms', args[NOW])
    if outliers ~= '0' then call('HINCRBY', totals, 'outliers', outliers) end
  end
  -- Also of silent series, whose events come without samples.
  if raised > 0 then call('HINCRBY', totals, 'anomalies', raised) end
  return table.concat(answer)
end

redis.register_function('anomaly_pipeline_commit_4', commit)
