#include "model/notice.h"

const char *const notice_reason_names[NOTICE_REASONS] = {
    [REASON_NONE] = "nothing to tell",
    [REASON_FIRST] = "first notification",
    [REASON_NEW_ALERTS] = "new alerts",
    [REASON_RAISED] = "priority raised",
    [REASON_SILENCE_ENDED] = "was held back until now",
    [REASON_REPEAT] = "repeat",
    [REASON_ACK_ENDED] = "acknowledgement ran out",
    [REASON_LOWERED] = "priority lowered",
    [REASON_SOME_RESOLVED] = "some alerts resolved",
    [REASON_RESOLVED] = "all alerts resolved",
    [REASON_MISSED] = "fired and ended before it could be told",
    [REASON_MOVED] = "routed elsewhere now",
    [REASON_ACK] = "acknowledgement changed",
    [REASON_TEST] = "test",
};
